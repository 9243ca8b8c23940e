/**
 * Tracks open streams of a sandbox, so that they end when the right to them does: network connections with the
 * sandbox, token requests (git, models) also with the attempt. Requests are authorised when they start; a stream may
 * outlive the authorisation.
 */
import type { Event } from '@berth/contract';
import type { Log, Store } from '@berth/core';
import type { GrantLookup } from './grant-lookup.ts';

export interface Held {
  readonly destroyed: boolean;
  /** With a reason: without one the other side would see a normal end of the response. */
  destroy(reason: Error): unknown;
  once(event: 'close', listener: () => void): unknown;
}

type Right = 'egress' | 'token';

export interface GrantWatch {
  /** Ends the stream when the right is revoked. */
  hold(sandboxId: string, right: Right, stream: Held): void;
  /** Ends a stream that was registered after its right had been revoked. */
  review(sandboxId: string): void;
  close(): void;
}

export interface GrantWatchParts {
  readonly store: Pick<Store, 'notices'>;
  readonly book: Pick<GrantLookup, 'isGranted' | 'ruleOf'>;
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
      // An unknown right counts as revoked.
      const lasts = streams.length === 0 || (await holds(sandboxId, right).catch(() => false));
      if (!lasts) for (const [stream] of streams) stream.destroy(new Error('its authorisation has ended'));
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
