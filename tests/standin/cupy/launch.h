// Put after the source of a kernel, whose name is KERNEL.
static void** standin_arguments;
static void standin_body() { standin::Caller<decltype(&KERNEL)>::call(&KERNEL, standin_arguments); }

extern "C" void standin_signature(char* to) { standin::Caller<decltype(&KERNEL)>::signature(to); }

extern "C" int standin_run(const unsigned* grid, const unsigned* block, void** arguments,
                           size_t shared, int backwards) {
    gridDim.x = grid[0], gridDim.y = grid[1], gridDim.z = grid[2];
    blockDim.x = block[0], blockDim.y = block[1], blockDim.z = block[2];
    standin_arguments = arguments;
    const size_t blocks = (size_t)grid[0] * grid[1] * grid[2];
    const unsigned threads = block[0] * block[1] * block[2];
    for (size_t k = 0; k < blocks; ++k) {
        const size_t b = backwards ? blocks - 1 - k : k;
        blockIdx = {unsigned(b % grid[0]), unsigned(b / grid[0] % grid[1]),
                    unsigned(b / ((size_t)grid[0] * grid[1]))};
        // NaNs show who reads what nobody has written.
        memset(standin_dynamic, 255, shared);
#ifdef PLAIN
        for (unsigned j = 0; j < threads; ++j) {
            const unsigned t = backwards ? threads - 1 - j : j;
            threadIdx = {t % block[0], t / block[0] % block[1], t / (block[0] * block[1])};
            standin_body();
        }
#else
        standin::body = standin_body;
        if (standin::run_block(threads, backwards)) return 1;
#endif
    }
    return 0;
}
