// One training step's heavy arithmetic: convolution, batch normalisation, ReLU and max-pooling, forward and backward.
//
// As many pictures as a vector has lanes are interleaved, so that each step below is the scalar formula applied to all of them.
// A function takes one such group; its tensors are (C, H, W) of such vectors. model/lanes.py calls it for every group: what is the
// group's own comes first, then what all share, then sizes.

#include <string.h>

// The number of sums kept in registers: OUTPUTS channels at POSITIONS places, or for COLUMNS weights.
#ifdef __AVX512F__
enum { LANES = 16, OUTPUTS = 5, POSITIONS = 4, COLUMNS = 3 };  // 32 registers of 16
#else
enum { LANES = 8, OUTPUTS = 5, POSITIONS = 2, COLUMNS = 2 };  // 16 registers of 8, or 32 of 4
#endif
typedef float lanes __attribute__((vector_size(4 * LANES)));
typedef int masks __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

int lane_count(void) { return LANES; }

INLINE lanes only(masks where, lanes value) { return (lanes)(where & (masks)value); }

// `outputs` channels of y at `positions` neighbouring places.
INLINE void correlate_block(const int outputs, const int positions, const lanes *x, const float *w, lanes *y, int inputs, int height, int width, int k, int plane, int taps) {
    lanes sums[OUTPUTS][POSITIONS] = {0};
    for (int i = 0; i < inputs; i++)
        for (int row = 0; row < k; row++) {
            const lanes *from = x + (i * height + row) * width;
            const float *weights = w + (i * k + row) * k;
            for (int column = 0; column < k; column++)
                UNROLL for (int o = 0; o < outputs; o++) {
                    const float weight = weights[o * taps + column];
                    UNROLL for (int p = 0; p < positions; p++) sums[o][p] += weight * from[column + p];
                }
        }
    UNROLL for (int o = 0; o < outputs; o++)
        UNROLL for (int p = 0; p < positions; p++) y[o * plane + p] = sums[o][p];
}

// x (I, H, W), w (O, I, k, k) -> y (O, H - k + 1, W - k + 1): what PyTorch calls a convolution, without padding, at stride 1.
void correlate(const lanes *x, lanes *y, const float *w, int inputs, int outputs, int height, int width, int k) {
    const int rows = height - k + 1, columns = width - k + 1, plane = rows * columns, taps = inputs * k * k;
    for (int row = 0; row < rows; row++)
        for (int o = 0, some; o < outputs; o += some) {
            some = outputs - o >= OUTPUTS ? OUTPUTS : 1;
            for (int column = 0, many; column < columns; column += many) {
                many = columns - column >= POSITIONS ? POSITIONS : 1;
                const lanes *from = x + row * width + column;
                lanes *to = y + o * plane + row * columns + column;
                const float *weights = w + o * taps;
                if (some == OUTPUTS && many == POSITIONS) correlate_block(OUTPUTS, POSITIONS, from, weights, to, inputs, height, width, k, plane, taps);
                else if (some == OUTPUTS) correlate_block(OUTPUTS, 1, from, weights, to, inputs, height, width, k, plane, taps);
                else if (many == POSITIONS) correlate_block(1, POSITIONS, from, weights, to, inputs, height, width, k, plane, taps);
                else correlate_block(1, 1, from, weights, to, inputs, height, width, k, plane, taps);
            }
        }
}

// The contribution of one row of y's gradient to the gradient of `outputs` x `columns` weights.
INLINE void gradient_block(const int outputs, const int columns, const lanes *x, const lanes *dy, lanes *dw, int count, int plane, int taps) {
    lanes sums[OUTPUTS][COLUMNS];
    UNROLL for (int o = 0; o < outputs; o++)
        UNROLL for (int c = 0; c < columns; c++) sums[o][c] = dw[o * taps + c];
    for (int at = 0; at < count; at++)
        UNROLL for (int o = 0; o < outputs; o++)
            UNROLL for (int c = 0; c < columns; c++) sums[o][c] += dy[o * plane + at] * x[at + c];
    UNROLL for (int o = 0; o < outputs; o++)
        UNROLL for (int c = 0; c < columns; c++) dw[o * taps + c] = sums[o][c];
}

// x (I, H, W) and y's gradient, which lies inside a border of zeros, (O, H - k + 1 + 2 b, W - k + 1 + 2 b) -> w's gradient (O, I, k, k), a sum for each lane.
void weight_gradient(const lanes *x, const lanes *dy, lanes *dw, int inputs, int outputs, int height, int width, int k, int border) {
    const int rows = height - k + 1, columns = width - k + 1, wide = columns + 2 * border, plane = (rows + 2 * border) * wide, taps = inputs * k * k;
    memset(dw, 0, sizeof(lanes) * outputs * taps);
    for (int row = 0; row < rows; row++)
        for (int o = 0, some; o < outputs; o += some) {
            some = outputs - o >= OUTPUTS ? OUTPUTS : 1;
            const lanes *from = dy + o * plane + (row + border) * wide + border;
            for (int i = 0; i < inputs; i++)
                for (int r = 0; r < k; r++)
                    for (int c = 0, many; c < k; c += many) {
                        many = k - c >= COLUMNS ? COLUMNS : 1;
                        const lanes *seen = x + (i * height + row + r) * width + c;
                        lanes *to = dw + ((o * inputs + i) * k + r) * k + c;
                        if (some == OUTPUTS && many == COLUMNS) gradient_block(OUTPUTS, COLUMNS, seen, from, to, columns, plane, taps);
                        else if (some == OUTPUTS) gradient_block(OUTPUTS, 1, seen, from, to, columns, plane, taps);
                        else if (many == COLUMNS) gradient_block(1, COLUMNS, seen, from, to, columns, plane, taps);
                        else gradient_block(1, 1, seen, from, to, columns, plane, taps);
                    }
        }
}

INLINE double total(lanes v) {
    double sum = 0;
    for (int i = 0; i < LANES; i++) sum += v[i];
    return sum;
}

// y (C, H, W) -> for each channel the sum of its values and of their squares, (C, 2).
void moments(const lanes *y, double *sums, int channels, int height, int width) {
    for (int c = 0; c < channels; c++) {
        sums[2 * c] = sums[2 * c + 1] = 0;
        for (int row = 0; row < height; row++, y += width) {
            lanes once = {0}, squared = {0};
            for (int at = 0; at < width; at++) once += y[at], squared += y[at] * y[at];
            sums[2 * c] += total(once), sums[2 * c + 1] += total(squared);
        }
    }
}

// The maximum of two; NaN is kept, as in PyTorch, so that training reports it.
INLINE masks exceeds(lanes value, lanes most) { return ~(value <= most); }
INLINE lanes larger(lanes value, lanes most) { return only(exceeds(value, most), value) + only(~exceeds(value, most), most); }

// y (C, H, W) -> z = max(0, scale y + shift), inside a border of zeros.
void activate(const lanes *y, lanes *z, const float *scale, const float *shift, int channels, int height, int width, int border) {
    const int wide = width + 2 * border;
    memset(z, 0, border ? sizeof(lanes) * channels * (height + 2 * border) * wide : 0);
    for (int c = 0; c < channels; c++)
        for (int row = 0; row < height; row++, y += width) {
            lanes *to = z + (c * (height + 2 * border) + row + border) * wide + border;
            for (int at = 0; at < width; at++) to[at] = larger(scale[c] * y[at] + shift[c], (lanes){0});
        }
}

// Like `activate`, then the maximum of each 2 x 2.
void activate_and_pool(const lanes *y, lanes *z, const float *scale, const float *shift, int channels, int height, int width, int border) {
    const int rows = height / 2, columns = width / 2, wide = columns + 2 * border;
    memset(z, 0, border ? sizeof(lanes) * channels * (rows + 2 * border) * wide : 0);
    for (int c = 0; c < channels; c++)
        for (int row = 0; row < rows; row++) {
            const lanes *above = y + (c * height + 2 * row) * width, *below = above + width;
            lanes *to = z + (c * (rows + 2 * border) + row + border) * wide + border;
            for (int at = 0; at < columns; at++) {
                lanes most = {0};
                const lanes four[4] = {above[2 * at], above[2 * at + 1], below[2 * at], below[2 * at + 1]};
                UNROLL for (int n = 0; n < 4; n++) most = larger(scale[c] * four[n] + shift[c], most);
                to[at] = most;
            }
        }
}

// z's gradient -> that of scale y + shift, inside a border of zeros, and for each channel its sum and that of its products with y, (C, 2).
void activation_gradient(const lanes *y, const lanes *dz, lanes *g, double *sums, const float *scale, const float *shift, int channels, int height, int width, int border) {
    const int wide = width + 2 * border;
    memset(g, 0, border ? sizeof(lanes) * channels * (height + 2 * border) * wide : 0);
    for (int c = 0; c < channels; c++) {
        sums[2 * c] = sums[2 * c + 1] = 0;
        for (int row = 0; row < height; row++, y += width, dz += width) {
            lanes *to = g + (c * (height + 2 * border) + row + border) * wide + border, once = {0}, times = {0};
            for (int at = 0; at < width; at++) {
                to[at] = only(scale[c] * y[at] + shift[c] > 0, dz[at]);
                once += to[at], times += to[at] * y[at];
            }
            sums[2 * c] += total(once), sums[2 * c + 1] += total(times);
        }
    }
}

// As `activation_gradient`, where z was pooled: the gradient goes to the first of the largest.
void pooled_gradient(const lanes *y, const lanes *dz, lanes *g, double *sums, const float *scale, const float *shift, int channels, int height, int width, int border) {
    const int rows = height / 2, columns = width / 2, wide = width + 2 * border;
    memset(g, 0, sizeof(lanes) * channels * (height + 2 * border) * wide);
    for (int c = 0; c < channels; c++) {
        sums[2 * c] = sums[2 * c + 1] = 0;
        for (int row = 0; row < rows; row++, dz += columns) {
            const lanes *above = y + (c * height + 2 * row) * width;
            lanes *to = g + (c * (height + 2 * border) + 2 * row + border) * wide + border, once = {0}, times = {0};
            for (int at = 0; at < columns; at++) {
                const lanes four[4] = {above[2 * at], above[2 * at + 1], above[width + 2 * at], above[width + 2 * at + 1]};
                lanes most = {0};
                masks where[4];
                UNROLL for (int n = 0; n < 4; n++) {  // the last that is larger than all before it
                    const lanes value = scale[c] * four[n] + shift[c];
                    where[n] = exceeds(value, most);
                    most = larger(value, most);
                    UNROLL for (int before = 0; before < n; before++) where[before] &= ~where[n];
                }
                UNROLL for (int n = 0; n < 4; n++) {
                    const lanes value = only(where[n], dz[at]);
                    to[2 * at + (n & 1) + (n >> 1) * wide] = value;
                    once += value, times += value * four[n];
                }
            }
            sums[2 * c] += total(once), sums[2 * c + 1] += total(times);
        }
    }
}

// Batch normalisation's own gradient, in place: g -> slope g + level + tilt y inside the border.
void normalization_gradient(const lanes *y, lanes *g, const float *slope, const float *level, const float *tilt, int channels, int height, int width, int border) {
    const int wide = width + 2 * border;
    for (int c = 0; c < channels; c++)
        for (int row = 0; row < height; row++, y += width) {
            lanes *to = g + (c * (height + 2 * border) + row + border) * wide + border;
            for (int at = 0; at < width; at++) to[at] = slope[c] * to[at] + level[c] + tilt[c] * y[at];
        }
}
