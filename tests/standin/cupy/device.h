// CUDA's language for g++: what the kernels use of it. Put before the source of a kernel.
//
// The threads of a block are fibers, which change at barriers alone. One that no other waits for
// runs on until its next barrier, so that a missing barrier shows: values are read before they are
// written. Without any barrier in the source, PLAIN is defined, and threads are a plain loop.
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __ldg(p) (*(p))
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };
struct __align__(8) float2 { float x, y; };
struct __align__(16) float4 { float x, y, z, w; };
struct __align__(16) double2 { double x, y; };
struct __align__(16) int4 { int x, y, z, w; };
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline double2 make_double2(double x, double y) { return {x, y}; }

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static const int warpSize = 32;

// CUDA's min and max of floating-point numbers ignore a NaN.
template <class A, class B> static inline std::common_type_t<A, B> min(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return fmin(T(a), T(b));
    else return T(a) < T(b) ? T(a) : T(b);
}
template <class A, class B> static inline std::common_type_t<A, B> max(A a, B b) {
    using T = std::common_type_t<A, B>;
    if constexpr (std::is_floating_point_v<T>) return fmax(T(a), T(b));
    else return T(a) > T(b) ? T(a) : T(b);
}
static inline float rsqrtf(float x) { return 1 / sqrtf(x); }
static inline float rsqrt(float x) { return 1 / sqrtf(x); }
static inline double rsqrt(double x) { return 1 / sqrt(x); }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }

template <class T, class V> static inline T atomicAdd(T* at, V v) { T old = *at; *at = old + T(v); return old; }
template <class T, class V> static inline T atomicMax(T* at, V v) { T old = *at; *at = max(old, T(v)); return old; }
template <class T, class V> static inline T atomicMin(T* at, V v) { T old = *at; *at = min(old, T(v)); return old; }
template <class T, class V> static inline T atomicExch(T* at, V v) { T old = *at; *at = T(v); return old; }
template <class T, class V> static inline T atomicOr(T* at, V v) { T old = *at; *at = old | T(v); return old; }
static inline unsigned atomicInc(unsigned* at, unsigned most) {
    unsigned old = *at; *at = old >= most ? 0 : old + 1; return old;
}
template <class T> static inline T atomicCAS(T* at, T compare, T v) {
    T old = *at; if (old == compare) *at = v; return old;
}

enum { STANDIN_SHARED = 227 * 1024 };
static unsigned char standin_dynamic[STANDIN_SHARED] __attribute__((aligned(1024)));

#ifndef PLAIN
namespace standin {
enum State { READY, IN_BLOCK, IN_WARP, DONE };
enum { MOST = 1024, STACK = 128 * 1024 };
struct Fiber { jmp_buf at; ucontext_t start; bool begun; State state; unsigned mask; uint3 index; };
static Fiber* fibers;
static unsigned char* stacks;
static jmp_buf scheduler;
static int current;
static uint64_t slots[2][MOST];
static unsigned exchanges[MOST];  // how many a thread has taken part in
static void (*body)();

static __attribute__((noinline)) void wait(State state, unsigned mask) {
    Fiber& me = fibers[current];
    me.state = state;
    me.mask = mask;
    if (!_setjmp(me.at)) _longjmp(scheduler, 1);
}

static void live() {
    for (;;) { body(); wait(DONE, 0); }  // the next block goes on from here
}

static __attribute__((noinline)) void resume(int t) {
    Fiber& fiber = fibers[t];
    current = t;
    threadIdx = fiber.index;
    if (_setjmp(scheduler)) return;
    if (fiber.begun) _longjmp(fiber.at, 1);
    fiber.begun = true;
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = stacks + (size_t)t * STACK;
    fiber.start.uc_stack.ss_size = STACK;
    makecontext(&fiber.start, live, 0);
    setcontext(&fiber.start);
}

// Lets those lanes of a warp go on whose whole mask has come to the barrier.
static bool release_warp(int from, int to) {
    bool any = false;
    for (int t = from; t < to; ++t) {
        if (fibers[t].state != IN_WARP) continue;
        unsigned mask = fibers[t].mask;
        bool all = true;
        for (int u = from; u < to; ++u)
            if (mask >> (u - from) & 1 && fibers[u].state != DONE)
                all &= fibers[u].state == IN_WARP && fibers[u].mask == mask;
        if (!all) continue;
        for (int u = from; u < to; ++u)
            if (mask >> (u - from) & 1 && fibers[u].state == IN_WARP) fibers[u].state = READY;
        any = true;
    }
    return any;
}

static void run_warp(int from, int to, bool backwards) {
    do
        for (int k = from; k < to; ++k) {
            int t = backwards ? to - 1 - (k - from) : k;
            if (fibers[t].state == READY) resume(t);
        }
    while (release_warp(from, to));
}

// Returns 1 if some wait for a barrier that the others never reach.
static int run_block(int n, bool backwards) {
    if (!fibers) {
        fibers = (Fiber*)calloc(MOST, sizeof(Fiber));
        stacks = (unsigned char*)mmap(0, (size_t)MOST * STACK, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    for (int t = 0; t < n; ++t) {
        fibers[t].state = READY;
        exchanges[t] = 0;
        fibers[t].index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
    }
    for (int warps = (n + 31) / 32;;) {
        for (int k = 0; k < warps; ++k) {
            int from = 32 * (backwards ? warps - 1 - k : k);
            run_warp(from, from + 32 < n ? from + 32 : n, backwards);
        }
        int waiting = 0, done = 0;
        for (int t = 0; t < n; ++t) waiting += fibers[t].state == IN_BLOCK, done += fibers[t].state == DONE;
        if (waiting + done < n) {
            for (int t = 0; t < n; ++t) fibers[t].begun = false;  // begin anew next time
            return 1;
        }
        if (done == n) return 0;
        for (int t = 0; t < n; ++t) if (fibers[t].state == IN_BLOCK) fibers[t].state = READY;
    }
}
}  // namespace standin

static inline void __syncthreads() { standin::wait(standin::IN_BLOCK, 0); }
static inline void __syncwarp(unsigned mask = 0xffffffffu) { standin::wait(standin::IN_WARP, mask); }

// What lane `from` of each thread's warp has; all lanes of the mask put theirs in first.
template <class T> static T standin_exchange(unsigned mask, T value, int from) {
    static_assert(sizeof(T) <= 8, "at most 8 bytes");
    int me = standin::current;
    // By turns in two places: nobody writes to one before all have passed the other's barrier.
    uint64_t* slots = standin::slots[standin::exchanges[me]++ & 1];
    memcpy(&slots[me], &value, sizeof(T));
    __syncwarp(mask);
    memcpy(&value, &slots[(me & ~31) + from], sizeof(T));
    return value;
}
static inline int standin_lane() { return standin::current & 31; }
template <class T> static T __shfl_sync(unsigned mask, T v, int source, int width = 32) {
    int lane = standin_lane();
    return standin_exchange(mask, v, (lane & ~(width - 1)) + (source & (width - 1)));
}
template <class T> static T __shfl_xor_sync(unsigned mask, T v, int other, int width = 32) {
    int lane = standin_lane(), from = lane ^ other;
    return standin_exchange(mask, v, from < (lane & ~(width - 1)) + width ? from : lane);
}
template <class T> static T __shfl_down_sync(unsigned mask, T v, unsigned by, int width = 32) {
    int lane = standin_lane();
    return standin_exchange(mask, v, (lane & (width - 1)) + (int)by < width ? lane + (int)by : lane);
}
template <class T> static T __shfl_up_sync(unsigned mask, T v, unsigned by, int width = 32) {
    int lane = standin_lane();
    return standin_exchange(mask, v, (lane & (width - 1)) >= (int)by ? lane - (int)by : lane);
}
static unsigned __ballot_sync(unsigned mask, int yes) {
    int me = standin::current;
    uint64_t* slots = standin::slots[standin::exchanges[me]++ & 1];
    slots[me] = yes != 0;
    __syncwarp(mask);
    unsigned found = 0;
    for (int k = 0; k < 32; ++k)
        if (mask >> k & 1 && standin::fibers[(me & ~31) + k].state != standin::DONE)
            found |= (unsigned)slots[(me & ~31) + k] << k;
    return found;
}
static inline int __any_sync(unsigned mask, int yes) { return __ballot_sync(mask, yes) != 0; }
static inline int __all_sync(unsigned mask, int yes) { return !__ballot_sync(mask, !yes); }
static int standin_votes;
static int __syncthreads_count(int yes) {
    __syncthreads();
    standin_votes = 0;
    __syncthreads();
    standin_votes += yes != 0;
    __syncthreads();
    int found = standin_votes;
    __syncthreads();
    return found;
}
static inline int __syncthreads_or(int yes) { return __syncthreads_count(yes) != 0; }
static inline int __syncthreads_and(int yes) { return !__syncthreads_count(!yes); }
#endif

// What the parameters of a kernel are: p for a pointer, s for a scalar, then NumPy's character.
namespace standin {
template <class T> static char letter() {
    using U = std::remove_cv_t<T>;
    if (std::is_same_v<U, float>) return 'f';
    if (std::is_same_v<U, double>) return 'd';
    if (std::is_same_v<U, bool>) return '?';
    if (std::is_void_v<U>) return 'V';
    if constexpr (std::is_integral_v<U>) {
        const char* of = std::is_signed_v<U> ? " bh i   q" : " BH I   Q";
        return of[sizeof(U)];
    }
    return 'x';
}
template <class P> static void describe(char*& to) {
    using U = std::remove_pointer_t<P>;
    *to++ = std::is_pointer_v<P> ? 'p' : 's';
    *to++ = letter<U>();
}
template <class... P> struct Caller;
template <class... P> struct Caller<void (*)(P...)> {
    static void signature(char* to) { (describe<P>(to), ...); *to = 0; }
    template <size_t... I> static void spread(void (*f)(P...), void** a, std::index_sequence<I...>) {
        f(*(std::remove_cv_t<P>*)a[I]...);
    }
    static void call(void (*f)(P...), void** a) { spread(f, a, std::index_sequence_for<P...>{}); }
};
}  // namespace standin
