/* Monte Carlo tree search of the book (algorithms 9.5 to 9.7), one tree, in plain C: tables and 2048.

   Nodes are found by state: by index on a table, by open addressing on packed boards. Leaves are estimated by one
   rollout of uniformly random actions. The random numbers are those of xorshift64*. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed_;
static double uniform(void) {
    seed_ ^= seed_ >> 12; seed_ ^= seed_ << 25; seed_ ^= seed_ >> 27;
    return (double)((seed_ * 2685821657736338717ULL) >> 11) * (1.0 / 9007199254740992.0);
}

/* ---- a problem with tables */
static int S_, A_;
static const double *c_, *R_;     /* cumulative probabilities (S A, S), rewards (S A) */
static const unsigned char *end_; /* absorbing states */

static int table_step(int s, int a) {
    const double *row = c_ + (long)(s * A_ + a) * S_;
    double u = uniform();
    int k = 0;
    while (row[k] <= u) k++;
    return k;
}

void table_search(int S, int A, const double *c, const double *R, const unsigned char *end, double gamma, int root,
                  int d, int m, double weight, int rollout, uint64_t seed, double *N_out, double *Q_out) {
    S_ = S; A_ = A; c_ = c; R_ = R; end_ = end; seed_ = seed * 2654435761ULL + 88172645463325252ULL;
    double *N = calloc((size_t)S * A, sizeof(double)), *Q = calloc((size_t)S * A, sizeof(double));
    char *seen = calloc(S, 1);
    int *pair = malloc(d * sizeof(int));
    for (int i = 0; i < m; i++) {
        int s = root, depth = 0;
        double q = 0;
        while (depth < d && seen[s] && !end[s]) {
            double total = 0, best = -INFINITY;
            int a = 0;
            for (int b = 0; b < A; b++) total += N[s * A + b];
            double logN = log(total);
            for (int b = 0; b < A; b++) {
                double n = N[s * A + b], score = n == 0 ? INFINITY : Q[s * A + b] + weight * sqrt(logN / n);
                if (score > best) { best = score; a = b; }
            }
            pair[depth++] = s * A + a;
            s = table_step(s, a);
        }
        if (!end[s]) {
            if (depth < d) seen[s] = 1;
            double factor = 1;
            int x = s;
            for (int k = 0; k < rollout; k++) {
                int a = (int)(uniform() * A);
                q += factor * R[x * A + a];
                factor *= gamma;
                x = table_step(x, a);
            }
        }
        while (depth--) {
            int k = pair[depth];
            q = R[k] + gamma * q;
            N[k] += 1;
            Q[k] += (q - Q[k]) / N[k];
        }
    }
    memcpy(N_out, N + root * A, A * sizeof(double));
    memcpy(Q_out, Q + root * A, A * sizeof(double));
    free(N); free(Q); free(seen); free(pair);
}

/* ---- 2048 on packed boards; tables of pushed lines and of what they pay come from outside */
static const uint16_t *pushed_;
static const double *pays_;

static uint64_t transposed(uint64_t x) {
    uint64_t t = (x ^ (x >> 12)) & 0x0000F0F00000F0F0ULL;
    x ^= t ^ (t << 12);
    t = (x ^ (x >> 24)) & 0x00000000FF00FF00ULL;
    return x ^ t ^ (t << 24);
}

static uint64_t pushed_board(uint64_t x, int a, double *r) {
    uint64_t lines = a & 1 ? transposed(x) : x, y = 0;
    int offset = a == 1 || a == 2 ? 65536 : 0;
    *r = 0;
    for (int i = 0; i < 4; i++) {
        int line = (int)(lines >> (16 * i) & 0xFFFF) + offset;
        y |= (uint64_t)pushed_[line] << (16 * i);
        *r += pays_[line];
    }
    return a & 1 ? transposed(y) : y;
}

static uint64_t board_step(uint64_t x, int a, double p_two, double *r) {
    uint64_t y = pushed_board(x, a, r);
    if (y == x) return x;
    int cells[16], n = 0;
    for (int i = 0; i < 16; i++) if (!(y >> (4 * i) & 15)) cells[n++] = i;
    double u = uniform() * n;
    int k = (int)u;
    return y | (uint64_t)(u - k < p_two ? 1 : 2) << (4 * cells[k]);
}

typedef struct { uint64_t key; double N[4], Q[4]; int legal, used; } Node;

static Node *find(Node *table, int slots, uint64_t key) {
    uint64_t h = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9ULL;
    int i = (int)((h ^ (h >> 27)) & (uint64_t)(slots - 1));
    while (table[i].used && table[i].key != key) i = (i + 1) & (slots - 1);
    return table + i;
}

void board_search(const uint16_t *pushed, const double *pays, uint64_t root, double p_two, int d, int m, double weight,
                  int rollout, uint64_t seed, double *N_out, double *Q_out) {
    pushed_ = pushed; pays_ = pays; seed_ = seed * 2654435761ULL + 88172645463325252ULL;
    int slots = 1;
    while (slots < 1.5 * (m + 2)) slots *= 2;
    Node *table = calloc(slots, sizeof(Node)), **path = malloc(d * sizeof(Node *));
    int *actions = malloc(d * sizeof(int));
    double *rewards = malloc(d * sizeof(double)), r;
    for (int i = 0; i < m; i++) {
        uint64_t x = root;
        int depth = 0;
        Node *node = NULL;
        while (depth < d && (node = find(table, slots, x))->used) {
            double total = 0, best = -INFINITY;
            int a = 0;
            for (int b = 0; b < 4; b++) total += node->N[b];
            double logN = log(total);
            for (int b = 0; b < 4; b++) {
                if (!(node->legal >> b & 1)) continue;
                double n = node->N[b], score = n == 0 ? INFINITY : node->Q[b] + weight * sqrt(logN / n);
                if (score > best) { best = score; a = b; }
            }
            path[depth] = node; actions[depth] = a;
            x = board_step(x, a, p_two, &rewards[depth++]);
        }
        int legal = 0;
        for (int b = 0; b < 4; b++) legal |= (pushed_board(x, b, &r) != x) << b;
        double q = 0;
        if (legal) {
            if (depth < d) { node = find(table, slots, x); node->used = 1; node->key = x; node->legal = legal; }
            for (int k = 0; k < rollout; k++) { x = board_step(x, (int)(uniform() * 4), p_two, &r); q += r; }
        }
        while (depth--) {
            Node *y = path[depth];
            int a = actions[depth];
            q = rewards[depth] + q;
            y->N[a] += 1;
            y->Q[a] += (q - y->Q[a]) / y->N[a];
        }
    }
    Node *y = find(table, slots, root);
    memcpy(N_out, y->N, sizeof y->N); memcpy(Q_out, y->Q, sizeof y->Q);
    free(table); free(path); free(actions); free(rewards);
}
