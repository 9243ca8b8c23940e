/**
 * Ends a request whose client sends what it began, or takes what it asked for, at less than a minimum rate: a git
 * process waits for it, and there are only so many. A client that is slow but moves is let be, up to the time of a request.
 */
import type { GitHttpLimits, GitRequest, GitResponse } from './serve-git.ts';

export interface ClientWatch {
  /** So much of the request's body has come. */
  received(bytes: number): void;
  /** So much of the answer has been taken. */
  taken(bytes: number): void;
  stop(): void;
}

interface Watched {
  readonly request: GitRequest;
  readonly response: GitResponse;
  readonly hasBody: boolean;
}

type Rate = Pick<GitHttpLimits, 'clientIdleMs' | 'minClientBytes'>;

/** Both directions are looked at once in every interval, so a client is ended after one to two of them. */
export const watchClient = (
  { request, response, hasBody }: Watched,
  { clientIdleMs, minClientBytes }: Rate,
): ClientWatch => {
  let receivedBytes = 0;
  let takenBytes = 0;
  const timer = setInterval(() => {
    const isSlow = receivedBytes < minClientBytes;
    const keepsBack = hasBody && !request.readableEnded && request.readableLength === 0 && isSlow;
    const leavesLying = response.writableNeedDrain && takenBytes < minClientBytes;
    receivedBytes = 0;
    takenBytes = 0;
    if (!keepsBack && !leavesLying) return;
    request.destroy();
    response.destroy();
  }, clientIdleMs);
  return {
    received: (bytes) => {
      receivedBytes += bytes;
    },
    taken: (bytes) => {
      takenBytes += bytes;
    },
    stop: () => clearInterval(timer),
  };
};
