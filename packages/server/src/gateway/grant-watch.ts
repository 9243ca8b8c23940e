/**
 * What is open in the name of a sandbox, so that it ends when the right to it does: connections to the outside with the
 * sandbox, what was asked with its token (git, models) with the attempt, too. Requests are judged when they begin; a
 * stream may outlive the answer.
 */
import type { Event } from '@berth/contract';
import type { Log, Store } from '@berth/core';
import type { GrantBook } from './grant-book.ts';

export interface Held {
  readonly destroyed: boolean;
  /** With a reason: without one the other side would take it for the end of the answer. */
  destroy(reason: Error): unknown;
  once(event: 'close', listener: () => void): unknown;
}

type Right = 'egress' | 'token';

export interface GrantWatch {
  /** Ends the stream when the right goes. */
  hold(sandboxId: string, right: Right, stream: Held): void;
  /** Ends what was held too late to hear that its right has gone. */
  review(sandboxId: string): void;
  close(): void;
}

export interface GrantWatchParts {
  readonly store: Pick<Store, 'notices'>;
  readonly book: Pick<GrantBook, 'isGranted' | 'ruleOf'>;
  readonly log: Log['error'];
}

const ENDINGS = new Set(['attempt.completed', 'attempt.failed', 'attempt.killed']);

export const createGrantWatch = ({ store, book, log }: GrantWatchParts): GrantWatch => {
  const held = new Map<string, Map<Held, Right>>();

  const holds = async (sandboxId: string, right: Right): Promise<boolean> =>
    right === 'token' ? book.isGranted(sandboxId) : (await book.ruleOf(sandboxId)) !== undefined;
  const review = async (sandboxId: string): Promise<void> => {
    for (const right of ['egress', 'token'] as const) {
      const streams = [...(held.get(sandboxId) ?? [])].filter(([, needs]) => needs === right);
      // What cannot be found out counts as gone.
      const lasts = streams.length === 0 || (await holds(sandboxId, right).catch(() => false));
      if (!lasts) for (const [stream] of streams) stream.destroy(new Error('the right to it has ended'));
    }
  };
  const reviewed = (sandboxId: string): void => {
    review(sandboxId).catch((cause: unknown) => log('standing.review', { sandbox: sandboxId, cause }));
  };

  const hear = ({ events }: { readonly events: readonly Event[] }): void => {
    if (held.size === 0) return;
    const ended = events.some(({ type }) => ENDINGS.has(type));
    const subjects = events.filter(({ type }) => type.startsWith('sandbox.')).map(({ subject }) => subject);
    const concerned = ended ? [...held.keys()] : subjects.filter((subject) => held.has(subject));
    for (const sandboxId of new Set(concerned)) reviewed(sandboxId);
  };
  const unsubscribe = store.notices.subscribe(hear);

  return {
    hold: (sandboxId, right, stream) => {
      if (stream.destroyed) return;
      const streams = held.get(sandboxId) ?? new Map<Held, Right>();
      held.set(sandboxId, streams.set(stream, right));
      stream.once('close', () => {
        streams.delete(stream);
        if (streams.size === 0 && held.get(sandboxId) === streams) held.delete(sandboxId);
      });
    },
    review: reviewed,
    close: unsubscribe,
  };
};
