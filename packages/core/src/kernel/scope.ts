/**
 * What was opened is closed in reverse order, each thing once, and one that fails to close does not keep the others
 * open.
 */
export interface Scope extends AsyncDisposable {
  /** Runs when the scope closes; at once when it has closed already. */
  add(name: string, cleanUp: () => unknown): Promise<void>;
  /** Closes. Rejects with an `AggregateError` of everything that went wrong, after all was tried. */
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
