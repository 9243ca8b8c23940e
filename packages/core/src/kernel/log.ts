/** One structured line per operation, written by the kernel when it ends. `event` is `noun.verb`. */
export interface Log {
  debug(event: string, fields: LogFields): void;
  info(event: string, fields: LogFields): void;
  warn(event: string, fields: LogFields): void;
  error(event: string, fields: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

const nothing = (): void => undefined;

/** Discards everything; for tests and tools. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
