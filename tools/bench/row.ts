/** One measured figure, and the bound that the architecture sets for it. */

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | '×' | 'MB' | 'events/s' | 'failures';
  readonly p95?: number | undefined;
  readonly samples?: number | undefined;
  readonly bound?: Bound | undefined;
  readonly note?: string | undefined;
}

export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** A group of rows that one measurement produced, or why it could not. */
export interface Group {
  readonly title: string;
  readonly rows: readonly Row[];
  /** What was left out on this machine, and why. */
  readonly absent?: readonly string[] | undefined;
}

/** Undefined when nothing is asked of it. */
export const holds = ({ value, bound }: Row): boolean | undefined => {
  if (bound === undefined) return undefined;
  return 'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast;
};
