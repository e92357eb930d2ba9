/* Sweeps of interpolated value iteration on the mountain car, as the book's loops do them: the dynamics are computed
   anew for each node and action of each sweep. The grid is n x n over [-1.2, 0.6] x [-0.07, 0.07]; U and V are (n, n),
   V is scratch. The reward is -1 a step, and 0 at the goal, x >= 0.6, whose value is 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double X0 = -1.2, X1 = 0.6, V1 = 0.07;

static inline double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

static inline double value(const double *U, int n, double dx, double dv, double x, double v, int simplex)
{
    double fx = clamp((x - X0) / dx, 0, n - 1), fv = clamp((v + V1) / dv, 0, n - 1);
    int i = (int)fx, j = (int)fv;
    if (i > n - 2) i = n - 2;
    if (j > n - 2) j = n - 2;
    fx -= i;
    fv -= j;
    const double *c = U + (long)i * n + j;
    if (!simplex)
        return (1 - fx) * ((1 - fv) * c[0] + fv * c[1]) + fx * ((1 - fv) * c[n] + fv * c[n + 1]);
    return fx < fv ? fx * c[n + 1] + (fv - fx) * c[1] + (1 - fv) * c[0] : fv * c[n + 1] + (fx - fv) * c[n] + (1 - fx) * c[0];
}

void sweeps(double *U, double *V, int n, double gamma, int k, int simplex)
{
    double dx = (X1 - X0) / (n - 1), dv = 2 * V1 / (n - 1);
    for (; k > 0; k--) {
        for (int i = 0; i < n; i++) {
            double x = i == n - 1 ? X1 : X0 + i * dx;
            for (int j = 0; j < n; j++) {
                double v = -V1 + j * dv, best = -INFINITY;
                if (x >= X1) {
                    V[(long)i * n + j] = 0;
                    continue;
                }
                for (int a = -1; a <= 1; a++) {
                    double w = v + 0.001 * a - 0.0025 * cos(3 * x), y = clamp(x + w, X0, X1);
                    double q = -1 + (y >= X1 ? 0 : gamma * value(U, n, dx, dv, y, clamp(w, -V1, V1), simplex));
                    if (q > best) best = q;
                }
                V[(long)i * n + j] = best;
            }
        }
        memcpy(U, V, sizeof(double) * n * n);
    }
}
