/** What several reconcilers ask, and how they go through a list. */
import type { Summary } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

export interface IsolatedSummary extends Summary {
  readonly done: number;
  readonly failed: number;
}

/** Does each in turn. One that fails is told as a trouble and left for the next pass; it does not keep the others back. */
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

/** The same for what belongs to drivers, all drivers at once: one that fails or takes its time keeps no other back. */
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

/** Once per driver, under its name. */
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
