/**
 * Aborts a request whose client sends or receives below a minimum rate: a git process waits for it, and their number
 * is limited. A slow client that makes progress is tolerated, up to the request timeout.
 */
import type { GitHttpLimits, GitRequest, GitResponse } from './serve-git.ts';

export interface ClientWatch {
  /** Request body bytes received. */
  received(bytes: number): void;
  /** Response bytes taken. */
  taken(bytes: number): void;
  stop(): void;
}

interface Watched {
  readonly request: GitRequest;
  readonly response: GitResponse;
  readonly hasBody: boolean;
}

type Rate = Pick<GitHttpLimits, 'clientIdleMs' | 'minClientBytes'>;

/** Both directions are checked once per interval, so a client is cut off after one to two intervals. */
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
