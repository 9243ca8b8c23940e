/** Shared by several reconcilers: how they go through a list of items. */
import type { Summary } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

export interface IsolatedSummary extends Summary {
  readonly done: number;
  readonly failed: number;
}

/**
 * Processes the items one by one. A failure is reported as a trouble and left for the next pass; it does not
 * affect the other items.
 */
export const forEachIsolated = async <T extends { readonly id: string }>(
  { troubles }: Pick<Ports, 'troubles'>,
  all: readonly T[],
  signal: AbortSignal,
  act: (one: T) => Promise<void>,
): Promise<IsolatedSummary> => {
  const summary = { done: 0, failed: 0 };
  for (const one of all) {
    signal.throwIfAborted();
    try {
      await act(one);
      troubles.clear(one.id);
      summary.done += 1;
    } catch (error) {
      signal.throwIfAborted();
      troubles.note(one.id, error);
      summary.failed += 1;
    }
  }
  return summary;
};

/**
 * The same for items that belong to drivers, with all drivers in parallel: one that fails or is slow does not
 * delay the others.
 */
export const forEachByDriver = async <T extends { readonly id: string; readonly driver: string }>(
  ports: Pick<Ports, 'troubles'>,
  all: readonly T[],
  signal: AbortSignal,
  act: (one: T) => Promise<void>,
): Promise<IsolatedSummary> => {
  const tallies = await Promise.allSettled(
    [...Map.groupBy(all, ({ driver }) => driver).values()].map((own) =>
      forEachIsolated(ports, own, signal, act),
    ),
  );
  signal.throwIfAborted();
  const summaries = tallies.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return {
    done: summaries.reduce((sum, { done }) => sum + done, 0),
    failed: summaries.reduce((sum, { failed }) => sum + failed, 0),
  };
};

/** Runs once per driver; a failure is reported under the driver's name. */
export const eachDriver = (
  ports: Pick<Ports, 'troubles'>,
  drivers: readonly string[],
  signal: AbortSignal,
  act: (driver: string) => Promise<void>,
): Promise<IsolatedSummary> =>
  forEachByDriver(
    ports,
    drivers.map((driver) => ({ id: `driver ${driver}`, driver })),
    signal,
    ({ driver }) => act(driver),
  );
