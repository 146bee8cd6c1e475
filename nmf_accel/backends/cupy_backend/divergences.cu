// The CUDA kernel of the beta-divergences, compiled after `kernels.cu`, of which it has the sums.

// What is summed: d(a | p) but for a factor that is the same for all, see `divergences.py`.
enum { KULLBACK_LEIBLER, ITAKURA_SAITO, NEAR_ONE, ELSEWHERE };

// P (R, rows, width) becomes A P^(beta - 2), and B, but for Kullback and Leibler, P^(beta - 1), each
// with `floor` where P is less. A has `pitch` entries from row to row, and is the same for all runs.
// `less` is beta - 1, which as a float may be more than beta as a float has left of it.
template <int FORM>
__device__ double go_through(const number* A, i64 pitch, int width, i64 size, number floor,
                             number beta, number less, bool records, int blocks, number* P,
                             number* B) {
    const int step = blocks * THREADS, on = step % width;
    const i64 down = step / width, first = (blockIdx.x % blocks) * THREADS + threadIdx.x;
    const i64 start = blockIdx.x / blocks * size;
    // Rows and columns are counted on, since a division would take longer than all the rest.
    i64 at = first / width * pitch;
    int column = (int)(first % width);
    double sum = 0;
    for (i64 k = first; k < size; k += step) {
        const number a = A[at + column], raw = P[start + k];
        const number p = raw < floor ? floor : raw;  // and NaN stays NaN
        const number ratio = a / p;
        number b = 1;
        if (FORM == ITAKURA_SAITO) b = 1 / p;
        else if (FORM != KULLBACK_LEIBLER) b = pow(p, less);
        P[start + k] = FORM == KULLBACK_LEIBLER ? ratio : ratio * b;
        if (FORM != KULLBACK_LEIBLER) B[start + k] = b;
        if (records) {
            // By y = a/p - 1, which is accurate where a and p are close.
            const number y = ratio - 1, l = ratio > 0 ? log(ratio) : number(0);
            const bool itself = a > 0 || raw >= floor;  // or d(0 | p) is that of less than `floor`
            number d;
            if (FORM == KULLBACK_LEIBLER) d = (itself ? p : raw) * (ratio * l - y);
            else if (FORM == ITAKURA_SAITO) d = y - l;
            else {
                if (FORM == NEAR_ONE) d = ratio * (expm1(less * l) / less) - y;
                else d = (ratio > 0 ? expm1(beta * l) : number(-1)) - beta * y;
                d *= itself ? b * p : pow(raw, beta);
            }
            sum += d;
        }
        at += down * pitch;
        column += on;
        if (column >= width) column -= width, at += pitch;
    }
    return sum;
}

// And `scale` times the sum of each run, added to what is there if it `adds`; 0 if nobody records.
extern "C" __global__ void __launch_bounds__(THREADS)
divergence(const number* A, i64 pitch, int width, i64 size, number floor, int form, number beta,
           number less, double scale, int records, int adds, number* P, number* B, int blocks,
           double* parts, unsigned* arrived, double* out) {
#define GO(FORM) \
    go_through<FORM>(A, pitch, width, size, floor, beta, less, records, blocks, P, B)
    const double mine = form == KULLBACK_LEIBLER ? GO(KULLBACK_LEIBLER)
                        : form == ITAKURA_SAITO  ? GO(ITAKURA_SAITO)
                        : form == NEAR_ONE       ? GO(NEAR_ONE)
                                                 : GO(ELSEWHERE);
    const i64 run = blockIdx.x / blocks;
    double sum = 0;
    if (!records) {
        if (blockIdx.x % blocks == 0 && threadIdx.x == 0 && !adds) out[run] = 0;
    } else if (all_arrived<1>(&mine, blocks, parts, arrived, &sum))
        out[run] = (adds ? out[run] : 0) + scale * sum;
}
