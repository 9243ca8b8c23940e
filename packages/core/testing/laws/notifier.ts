/** What every notifier promises (`../../src/kernel/store/notifier.ts`), whatever the transport. */
import type { Event } from '@berth/contract';
import { afterEach, describe, expect, it } from 'vitest';
import type { Notice, Notifier } from '../../src/kernel/store/notifier.ts';

/** The ends in two processes; an in-process notifier is both. */
export interface NotifierEnds {
  readonly here: Notifier;
  readonly there: Notifier;
  close(): Promise<void>;
}

const noticeOf = (seqs: readonly number[], ...topics: readonly string[]): Notice => ({
  events: seqs.map(eventOf),
  topics: new Set(topics),
});

const eventOf = (seq: number): Event => ({
  ...{ seq, id: `ev_${seq}`, type: 'task.created', version: 1, at: 0, subject: 'tk_law' },
  data: { title: `${seq}` },
});

export const notifierLaws = (name: string, open: () => Promise<NotifierEnds>): void => {
  describe(`the notifier ${name}`, () => {
    const closing: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });
    const ends = async () => {
      const both = await open();
      closing.push(() => both.close());
      return both;
    };
    const listen = (end: Notifier) => {
      const heard: Notice[] = [];
      const stop = end.subscribe((notice) => void heard.push(notice));
      return { heard, stop };
    };

    it('delivers every notice to every listener at every end, with its events and topics, in order', async () => {
      const { here, there } = await ends();
      const listeners = [listen(here), listen(here), listen(there)];
      const told = [noticeOf([1]), noticeOf([], 'queue work'), noticeOf([2, 3], 'a', 'b')];
      for (const notice of told) here.publish(notice);
      for (const { heard } of listeners) await expect.poll(() => heard).toEqual(told);
    });

    it('delivers nothing to stopped listeners, and twice to one that listens twice', async () => {
      const { here, there } = await ends();
      const heard: Notice[] = [];
      const listener = (notice: Notice): void => void heard.push(notice);
      const stops = [there.subscribe(listener), there.subscribe(listener)];
      const last = listen(there);
      here.publish(noticeOf([1]));
      await expect.poll(() => heard).toHaveLength(2);
      for (const stop of stops) stop();
      here.publish(noticeOf([2]));
      await expect.poll(() => last.heard).toHaveLength(2);
      expect(heard).toHaveLength(2);
    });

    it('isolates an error of a listener from the others and from the publisher', async () => {
      const { here, there } = await ends();
      there.subscribe(() => {
        throw new Error('a listener failed');
      });
      const { heard } = listen(there);
      here.publish(noticeOf([1]));
      here.publish(noticeOf([2]));
      await expect.poll(() => heard).toEqual([noticeOf([1]), noticeOf([2])]);
    });
  });
};
