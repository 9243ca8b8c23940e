/** Closes resources once each, in reverse order of opening. A failing cleanup does not prevent the others. */
export interface Scope extends AsyncDisposable {
  /** Runs when the scope closes, or at once if it is already closed. */
  add(name: string, cleanUp: () => unknown): Promise<void>;
  /** Rejects with an `AggregateError` of all failures, after every cleanup has been tried. */
  close(): Promise<void>;
}

interface Entry {
  readonly name: string;
  readonly cleanUp: () => unknown;
}

export const createScope = (): Scope => {
  const entries: Entry[] = [];
  let closing: Promise<void> | undefined;

  const closeAll = async (): Promise<void> => {
    const failures: Error[] = [];
    for (let entry = entries.pop(); entry !== undefined; entry = entries.pop()) {
      const failure = await failureOfClosing(entry);
      if (failure !== undefined) failures.push(failure);
    }
    if (failures.length > 0)
      throw new AggregateError(failures, failures.map(({ message }) => message).join('; '));
  };

  const close = (): Promise<void> => {
    closing ??= closeAll();
    return closing;
  };

  return {
    async add(name, cleanUp) {
      if (closing === undefined) entries.push({ name, cleanUp });
      else await cleanUp();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
};

class CleanUpFailed extends Error {
  override readonly name = 'CleanUpFailed';
}

const failureOfClosing = async ({ name, cleanUp }: Entry): Promise<Error | undefined> => {
  try {
    await cleanUp();
    return undefined;
  } catch (cause) {
    return new CleanUpFailed(`${name} did not close: ${String(cause)}`, { cause });
  }
};
