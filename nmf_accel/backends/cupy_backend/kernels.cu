// The CUDA kernels of the CuPy backend, compiled by `sources.py`, which defines NUMBER (float or
// double) and the sizes in capitals.
//
// Arrays are (R, d, n) or (R, d, d), by rows, runs outermost. Blocks are numbered in one dimension,
// those of a run together, since the second may have 65,535 at most.
typedef NUMBER number;
typedef long long i64;  // arrays may have more entries than an int counts

// --------------------------------------------------------------------------------------------
// Coordinate descent. A block owns TILE columns of one run, of which it holds all rows of X in
// shared memory: read once, written once. SLICES threads share a column: the sums over its rows,
// put together by shuffles.
//
// The rows are solved in groups of GROUP. What is left of a group's gradient, N - G X, is formed
// at once: every X is read once a group, and every G is the same for all columns. Then its
// rows are solved in order with the GROUP x GROUP part of G alone. So the chain of steps that wait
// for each other is d / GROUP sums of d / SLICES terms, and d short steps, instead of d sums of d.
// Rows in shared memory are 16 bytes longer than need be. So the 4 columns x 8 slices of a warp hit
// different banks of X (with a TILE of 4 in float, two of them the same), and of G.
#define PAD (16 / (int)sizeof(number))
#define PITCH (TILE + PAD)
#define G_PITCH (GROUP + PAD)

extern "C" __global__ void __launch_bounds__(TILE * SLICES, 4)
descend(const number* X, const number* N, const number* G, number l1, number l2, int d, int n,
        int tiles, number* out) {
    extern __shared__ __align__(16) unsigned char shared[];
    number* x = (number*)shared;         // (d, PITCH), TILE of which are used
    number* g = x + d * PITCH;           // (STREAMED, G_PITCH), GROUP of which: G transposed
    number* diagonal = g + STREAMED * G_PITCH;  // (GROUP, GROUP)

    const int slice = threadIdx.x, column = threadIdx.y;
    const int thread = column * SLICES + slice, threads = TILE * SLICES;
    const i64 run = blockIdx.x / tiles, start = run * d * n;
    const int first = (int)(blockIdx.x % tiles) * TILE, place = first + column;
    const bool inside = place < n;
    G += run * d * d;

    for (int k = thread; k < d * TILE; k += threads) {
        const int row = k / TILE, c = k % TILE;
        x[row * PITCH + c] = first + c < n ? X[start + (i64)row * n + first + c] : number(0);
    }
    for (int a = 0; a < d; a += GROUP) {
        number rest[GROUP];
#pragma unroll
        for (int b = 0; b < GROUP; ++b) rest[b] = 0;

        for (int j0 = 0; j0 < d; j0 += STREAMED) {
            __syncthreads();  // x is there, and nobody needs the last g and diagonal any more
            for (int k = thread; k < STREAMED * GROUP; k += threads) {
                const int b = k / STREAMED, j = k % STREAMED;
                g[j * G_PITCH + b] = a + b < d && j0 + j < d
                    ? G[(i64)(a + b) * d + j0 + j] + (a + b == j0 + j ? l2 : number(0))
                    : number(0);
            }
            if (j0 == 0)
                for (int k = thread; k < GROUP * GROUP; k += threads) {
                    const int b = k / GROUP, e = k % GROUP;
                    diagonal[k] = a + b < d && a + e < d
                        ? G[(i64)(a + b) * d + a + e] + (b == e ? l2 : number(0)) : number(0);
                }
            __syncthreads();
            const int end = min(STREAMED, d - j0);
            for (int j = slice; j < end; j += SLICES) {
                const number xj = x[(j0 + j) * PITCH + column];
#pragma unroll
                for (int b = 0; b < GROUP; ++b) rest[b] += g[j * G_PITCH + b] * xj;
            }
        }
#pragma unroll
        for (int b = 0; b < GROUP; ++b)
#pragma unroll
            for (int s = SLICES / 2; s > 0; s /= 2)
                rest[b] += __shfl_xor_sync(0xffffffffu, rest[b], s, SLICES);
#pragma unroll
        for (int b = 0; b < GROUP; ++b)
            if (inside && a + b < d) rest[b] = N[start + (i64)(a + b) * n + place] - l1 - rest[b];

        // All slices do the same here, so that none waits for another.
#pragma unroll
        for (int b = 0; b < GROUP; ++b) {
            if (a + b < d) {  // the same for the whole block
                const number gbb = diagonal[b * GROUP + b], old = x[(a + b) * PITCH + column];
                number step = 0;
                if (gbb > 0) {
                    step = rest[b] / gbb;
                    if (step < -old) step = -old;  // and NaN stays NaN
                }
#pragma unroll
                for (int e = b + 1; e < GROUP; ++e) rest[e] -= diagonal[e * GROUP + b] * step;
                __syncwarp();  // every slice has read the old one
                if (slice == 0) x[(a + b) * PITCH + column] = old + step;
            }
        }
    }
    __syncthreads();
    for (int k = thread; k < d * TILE; k += threads) {
        const int row = k / TILE, c = k % TILE;
        if (first + c < n) out[start + (i64)row * n + first + c] = x[row * PITCH + c];
    }
}

// --------------------------------------------------------------------------------------------
// Sums over a run in float64, in one launch, and the same bits every time: every block leaves its
// part, and the last one to arrive adds the parts. `arrived` (R,) is zero before and after.

// The sum of what the threads of a block bring, in all of them.
__device__ double block_sum(double mine) {
    __shared__ double s[THREADS];
    const int t = threadIdx.x;
    __syncthreads();  // the last sum has been read
    s[t] = mine;
    __syncthreads();
    for (int h = THREADS / 2; h > 0; h /= 2) {
        if (t < h) s[t] += s[t + h];
        __syncthreads();
    }
    return s[0];
}

// Whether this is thread 0 of the last block of a run to arrive: then `sums` are the run's.
template <int COUNT>
__device__ bool all_arrived(const double* mine, int blocks, double* parts, unsigned* arrived,
                            double* sums) {
    __shared__ bool last;
    const int t = threadIdx.x;
    const i64 run = blockIdx.x / blocks, own = (i64)blockIdx.x * COUNT;
    for (int c = 0; c < COUNT; ++c) {
        const double part = block_sum(mine[c]);
        if (t == 0) parts[own + c] = part;
    }
    if (t == 0) {
        __threadfence();  // they are seen before the arrival
        last = atomicAdd(&arrived[run], 1u) == (unsigned)blocks - 1;
    }
    __syncthreads();
    if (!last) return false;
    __threadfence();
    const volatile double* of_run = parts + run * blocks * COUNT;
    for (int c = 0; c < COUNT; ++c) {
        double all = 0;
        for (int b = t; b < blocks; b += THREADS) all += of_run[b * COUNT + c];
        sums[c] = block_sum(all);
    }
    if (t == 0) arrived[run] = 0;
    return t == 0;
}

// out = base + scale <x, y> + <p, q>, of arrays of `size` and `few` entries a run.
extern "C" __global__ void __launch_bounds__(THREADS)
products(const number* x, const number* y, i64 size, const number* p, const number* q, i64 few,
         double base, double scale, int blocks, double* parts, unsigned* arrived, double* out) {
    const i64 run = blockIdx.x / blocks, first = (blockIdx.x % blocks) * THREADS + threadIdx.x;
    double mine = 0, sum;
    for (i64 k = first; k < size; k += (i64)blocks * THREADS)
        mine += (double)x[run * size + k] * (double)y[run * size + k];
    mine *= scale;
    for (i64 k = first; k < few; k += (i64)blocks * THREADS)
        mine += (double)p[run * few + k] * (double)q[run * few + k];
    if (all_arrived<1>(&mine, blocks, parts, arrived, &sum)) out[run] = base + sum;
}

// The sum of absolute values of the gradient plus - minus + l1 + l2 X without its entries that are
// positive where X is zero. Less than a normal number counts as zero.
extern "C" __global__ void __launch_bounds__(THREADS)
violation(const number* X, const number* plus, const number* minus, i64 size, number l1,
          number l2, number smallest, int blocks, double* parts, unsigned* arrived, double* out) {
    const i64 run = blockIdx.x / blocks, first = (blockIdx.x % blocks) * THREADS + threadIdx.x;
    double mine = 0, sum;
    for (i64 k = first; k < size; k += (i64)blocks * THREADS) {
        const number x = X[run * size + k];
        const number gradient = plus[run * size + k] - minus[run * size + k] + (l1 + l2 * x);
        if (x >= smallest || !(gradient >= 0)) mine += fabs((double)gradient);  // NaN counts
    }
    if (all_arrived<1>(&mine, blocks, parts, arrived, &sum)) out[run] = sum;
}

// The sums of squares of each row that the KKT residual is made of, see `losses/kkt.py`; what is a
// run above is a row here, of which there are `rows` in all, and `d` of each run. Curvatures lie
// `across` apart, those of runs `down`.
extern "C" __global__ void __launch_bounds__(THREADS)
squares(const number* X, const number* plus, const number* minus, i64 size, number l1, number l2,
        number much, int d, i64 rows, const number* curvature, i64 down, i64 across, int blocks, double* parts,
        unsigned* arrived, double* out) {
    const i64 row = blockIdx.x / blocks, first = (blockIdx.x % blocks) * THREADS + threadIdx.x;
    // Where nothing curves, an entry that is positive has all the room that it needs.
    number steep = curvature[row / d * down + row % d * across] + l2;
    if (!(steep > 0)) steep = much;
    double mine[3] = {0, 0, 0}, sums[3];
    for (i64 k = first; k < size; k += (i64)blocks * THREADS) {
        const number x = X[row * size + k], data = minus[row * size + k];
        const number gradient = plus[row * size + k] - data + (l1 + l2 * x);
        const number most = steep * x;
        const double g = (double)gradient, room = most < gradient ? (double)most : g;  // NaN stays
        mine[0] += room * (2 * g - room);
        mine[1] += (double)data * (double)data;
        mine[2] += (double)x * (double)x;
    }
    if (all_arrived<3>(mine, blocks, parts, arrived, sums))
        for (int c = 0; c < 3; ++c) out[c * rows + row] = sums[c];
}

// The norm of each row of `plus` as a multiple of that of X; 0 where X is.
extern "C" __global__ void __launch_bounds__(THREADS)
mean_curvature(const number* X, const number* plus, i64 size, int blocks, double* parts,
               unsigned* arrived, number* out) {
    const i64 row = blockIdx.x / blocks, first = (blockIdx.x % blocks) * THREADS + threadIdx.x;
    double mine[2] = {0, 0}, sums[2];
    for (i64 k = first; k < size; k += (i64)blocks * THREADS) {
        const double x = (double)X[row * size + k], p = (double)plus[row * size + k];
        mine[0] += x * x;
        mine[1] += p * p;
    }
    if (all_arrived<2>(mine, blocks, parts, arrived, sums))
        out[row] = sums[0] > 0 ? (number)sqrt(sums[1] / sums[0]) : number(0);
}

// By what squares of a gradient are multiplied where both norms of a component become sqrt(p).
__device__ double weight(double p, double own, double other) {
    return other > 0 ? p / (other * other) : own * own / p;
}

// The KKT residual of each run from the sums of both factors, (d) of each run; a block for each.
extern "C" __global__ void __launch_bounds__(THREADS)
residual(const double* violation_H, const double* data_H, const double* size_H,
         const double* violation_W, const double* data_W, const double* size_W, int d,
         double least, double* out) {
    const i64 start = (i64)blockIdx.x * d;
    double total = 0, violation = 0, data = 0;
    for (int k = threadIdx.x; k < d; k += THREADS)
        total += sqrt(size_H[start + k]) * sqrt(size_W[start + k]);
    least *= block_sum(total) / d;
    if (!(least > 0)) least = 1;
    for (int k = threadIdx.x; k < d; k += THREADS) {
        const i64 at = start + k;
        const double h = sqrt(size_H[at]), w = sqrt(size_W[at]), p = max(h * w, least);
        const double on_H = weight(p, h, w), on_W = weight(p, w, h);
        violation += on_H * violation_H[at] + on_W * violation_W[at];
        data += on_H * data_H[at] + on_W * data_W[at];
    }
    violation = block_sum(violation);
    data = block_sum(data);
    if (threadIdx.x == 0) out[blockIdx.x] = sqrt(violation / (data == 0 ? 1 : data));
}

// How far a repeat moved X, squared, and the first one, whose is negative as long as it is not
// known; a run goes on if that is at least `least` of the first.
extern "C" __global__ void __launch_bounds__(THREADS)
goes_on(const number* X, const number* moved, i64 size, double least, const double* known,
        const bool* going, int blocks, double* parts, unsigned* arrived, double* first,
        bool* further) {
    const i64 run = blockIdx.x / blocks, from = (blockIdx.x % blocks) * THREADS + threadIdx.x;
    double mine = 0, sum;
    for (i64 k = from; k < size; k += (i64)blocks * THREADS) {
        const double step = (double)(moved[run * size + k] - X[run * size + k]);
        mine += step * step;
    }
    if (all_arrived<1>(&mine, blocks, parts, arrived, &sum)) {
        first[run] = known[run] < 0 ? sum : known[run];
        further[run] = going[run] && sum >= least * first[run];
    }
}

// G (R, d, d) below its diagonal, and the rest of it.
extern "C" __global__ void triangles(const number* G, i64 size, int d, number* lower,
                                     number* upper) {
    const i64 step = (i64)gridDim.x * blockDim.x;
    for (i64 k = blockIdx.x * (i64)blockDim.x + threadIdx.x; k < size; k += step) {
        const bool below = k % d < k / d % d;
        lower[k] = below ? G[k] : number(0);
        upper[k] = below ? number(0) : G[k];
    }
}

// --------------------------------------------------------------------------------------------
// The systems of principal pivoting from the `first` column on: of each column that part of G where
// F (R, n, d) is true, and 0 = 0 for the rest. `size` entries in all.
extern "C" __global__ void systems(const number* G, const bool* F, i64 first, i64 size, int n,
                                   int d, number* out) {
    const i64 step = (i64)gridDim.x * blockDim.x;
    for (i64 k = blockIdx.x * (i64)blockDim.x + threadIdx.x; k < size; k += step) {
        const int i = (int)(k / d % d), j = (int)(k % d);
        const i64 column = first + k / ((i64)d * d);
        const bool both = F[column * d + i] && F[column * d + j];
        out[k] = both ? G[(column / n * d + i) * d + j] : number(i == j);
    }
}

// --------------------------------------------------------------------------------------------
// What was measured, to its place in the history of a replayed graph; the last one counts on.
extern "C" __global__ void record(const double* found, int runs, int place, int width,
                                  unsigned counts, unsigned* count, double* history) {
    for (int r = threadIdx.x; r < runs; r += blockDim.x)
        history[(i64)*count * width + place + r] = found[r];
    __syncthreads();
    if (threadIdx.x == 0) *count += counts;
}
