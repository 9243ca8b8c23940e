/** Time and randomness are ports, so that a simulation owns them. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Resolves after the time, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Uniform bytes; in production from the system's generator. */
export type RandomSource = (bytes: number) => Uint8Array;
