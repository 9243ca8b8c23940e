/** Statistics of samples. Quantiles are measured samples (nearest rank), never interpolations. */

export interface Summary {
  readonly p50: number;
  readonly p95: number;
  readonly samples: number;
}

export const summaryOf = (samples: readonly number[]): Summary => ({
  p50: quantile(samples, 0.5),
  p95: quantile(samples, 0.95),
  samples: samples.length,
});

/** The smallest sample that is at least as large as this share of all. NaN for no samples. */
export const quantile = (samples: readonly number[], share: number): number => {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
};
