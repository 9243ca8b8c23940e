/**
 * Ends a request whose client neither sends what it began nor takes what it asked for: a git process waits for it, and
 * there are only so many. A client that is slow but moves is let be, up to the time of a request.
 */
import type { GitRequest, GitResponse } from './serve-git.ts';

export interface ClientWatch {
  /** Some of the request's body has come. */
  received(): void;
  stop(): void;
}

interface Watched {
  readonly request: GitRequest;
  readonly response: GitResponse;
  readonly hasBody: boolean;
}

/** Both directions are looked at once in every interval, so a client is ended after one to two of them. */
export const watchClient = ({ request, response, hasBody }: Watched, idleMs: number): ClientWatch => {
  let hasSent = false;
  let hasTaken = false;
  const taken = (): void => {
    hasTaken = true;
  };
  response.on('drain', taken);
  const timer = setInterval(() => {
    const keepsBack = hasBody && !request.readableEnded && request.readableLength === 0 && !hasSent;
    const leavesLying = response.writableNeedDrain && !hasTaken;
    hasSent = false;
    hasTaken = false;
    if (!keepsBack && !leavesLying) return;
    request.destroy();
    response.destroy();
  }, idleMs);
  return {
    received: () => {
      hasSent = true;
    },
    stop: () => {
      clearInterval(timer);
      response.off('drain', taken);
    },
  };
};
