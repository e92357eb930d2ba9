/* Q-learning on a table of transitions, one replication after the other: the limit of what one core can do. */
#include <stdint.h>

static uint64_t x[2];
static inline uint64_t next(void) {
    uint64_t a = x[0], b = x[1];
    x[0] = b; a ^= a << 23; x[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return x[1] + b;
}
static inline double uniform(void) { return (next() >> 11) * 0x1.0p-53; }

void q_learning(double *Q, const double *C, const double *R, const double *start, long S, long A, long replications,
                long steps, long episode, double gamma, double alpha, double epsilon, uint64_t seed) {
    x[0] = seed * 0x9E3779B97F4A7C15ULL + 1; x[1] = seed ^ 0xD1B54A32D192ED03ULL;
    for (long b = 0; b < replications; b++, Q += S * A) {
        long s = 0;
        for (long k = 0; k < steps; k++) {
            if (k % episode == 0) { double u = uniform(); for (s = 0; start[s] <= u; s++); }
            long a = 0;
            if (uniform() < epsilon) a = next() % A;
            else for (long i = 1; i < A; i++) if (Q[s * A + i] > Q[s * A + a]) a = i;
            const double *row = C + (s * A + a) * S;
            double u = uniform();
            long t = 0;
            while (row[t] <= u) t++;
            double best = Q[t * A];
            for (long i = 1; i < A; i++) if (Q[t * A + i] > best) best = Q[t * A + i];
            Q[s * A + a] += alpha * (R[s * A + a] + gamma * best - Q[s * A + a]);
            s = t;
        }
    }
}
