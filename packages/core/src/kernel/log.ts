/** One structured line per operation, written at its end by the kernel. `event` is `noun.verb`. */
export interface Log {
  debug(event: string, fields: LogFields): void;
  info(event: string, fields: LogFields): void;
  warn(event: string, fields: LogFields): void;
  error(event: string, fields: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

const nothing = (): void => undefined;

/** For tests and tools that have nobody to tell. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
