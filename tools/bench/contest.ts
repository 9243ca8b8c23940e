/**
 * Contenders make sandboxes and run commands in them. They take turns (A B C A B C), so that whatever else the machine
 * does meets all of them alike.
 */

export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** A new sandbox, and the first command in it has ended. Resolves with what to call it by. */
  start(): Promise<string>;
  /** Runs `/bin/true` to its end. */
  exec(id: string): Promise<void>;
  /** Resolves when it is gone. */
  remove(id: string): Promise<void>;
}

export interface Rounds {
  readonly warmups: number;
  readonly rounds: number;
}

/** Samples in milliseconds by contender; `once` does the thing and answers how long the part that counts took. */
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
