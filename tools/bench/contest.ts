/**
 * Contenders create sandboxes and run commands in them. They take turns (A B C A B C), so that other load on the
 * machine affects all of them alike.
 */

export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** Creates a sandbox and runs its first command to the end. Resolves with its handle. */
  start(): Promise<string>;
  /** Runs `/bin/true` to its end. */
  exec(id: string): Promise<void>;
  /** Resolves when it is removed. */
  remove(id: string): Promise<void>;
}

export interface Rounds {
  readonly warmups: number;
  readonly rounds: number;
}

/**
 * Samples in milliseconds by contender; `once` performs the operation and returns the duration of the measured part.
 */
export const contest = async <C extends { readonly name: string }>(
  contenders: readonly C[],
  { warmups, rounds }: Rounds,
  once: (contender: C) => Promise<number>,
): Promise<ReadonlyMap<string, number[]>> => {
  const samples = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -warmups; round < rounds; round++)
    for (const contender of contenders) {
      const tookMs = await once(contender);
      if (round >= 0) samples.get(contender.name)?.push(tookMs);
    }
  return samples;
};

export const timed = async (act: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await act();
  return performance.now() - startedAt;
};
