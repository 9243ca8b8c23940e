import { afterEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../../testing/manual-clock.ts';
import { createMemoryStore } from '../../testing/memory-store/memory-store.ts';
import { createIds } from './ids.ts';
import { isStop } from './interrupt.ts';
import { createReconcilers, defineReconciler, type Reconcilers } from './reconcile.ts';

interface Ports {
  readonly passes: string[];
  on: (signal: AbortSignal) => unknown;
}

const opened: Reconcilers[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

const reconciler = (name: string) =>
  defineReconciler<Ports>({
    name,
    everyMs: 1000,
    wakeOn: ['task.created'],
    async pass(ports, signal) {
      ports.passes.push(name);
      await ports.on(signal);
      return { seen: ports.passes.length };
    },
  });

const openWorld = (...names: readonly string[]) => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const ports: Ports = { passes: [], on: () => undefined };
  const reconcilers = createReconcilers({ store, clock, definitions: names.map(reconciler), ports });
  opened.push(reconcilers);
  const emit = (type: 'task.created' | 'workspace.created') =>
    store.write((tx) => tx.emit({ type, subject: 'x', data: { title: 't', name: 'n' } }));
  return { clock, ports, reconcilers, emit };
};

/** A pass that lasts until it is let go. */
const gate = () => {
  let open: () => void = () => undefined;
  const opening = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opening, open };
};

describe('a reconciler', () => {
  it('passes at the start and then by time', async () => {
    const { clock, ports, reconcilers } = openWorld('r');
    reconcilers.start();
    await clock.advance(999);
    expect(ports.passes).toHaveLength(1);
    await clock.advance(1);
    expect(ports.passes).toHaveLength(2);
    await clock.advance(3000);
    expect(ports.passes).toHaveLength(5);
  });

  it('is woken by its facts and by no others', async () => {
    const { clock, ports, reconcilers, emit } = openWorld('r');
    reconcilers.start();
    await clock.advance(0);
    await emit('workspace.created');
    await clock.advance(0);
    expect(ports.passes).toHaveLength(1);
    await emit('task.created');
    await clock.advance(0);
    expect(ports.passes).toHaveLength(2);
  });

  it('passes one at a time, and once more for all that came meanwhile', async () => {
    const { clock, ports, reconcilers, emit } = openWorld('r');
    const first = gate();
    ports.on = () => first.opening;
    reconcilers.start();
    await clock.advance(0);
    for (let count = 0; count < 5; count += 1) await emit('task.created');
    await clock.advance(0);
    expect(ports.passes).toHaveLength(1);
    first.open();
    await clock.advance(0);
    expect(ports.passes).toHaveLength(2);
  });

  it('goes on after a pass that failed, at its next time', async () => {
    const { clock, ports, reconcilers } = openWorld('r');
    ports.on = () => Promise.reject(new Error('not now'));
    reconcilers.start();
    await clock.advance(0);
    ports.on = () => undefined;
    await clock.advance(1000);
    expect(ports.passes).toHaveLength(2);
  });
});

describe('all of them', () => {
  it('run once each, in order, and say what they did', async () => {
    const { reconcilers } = openWorld('a', 'b');
    expect(await reconcilers.runAll()).toEqual({ a: { seen: 1 }, b: { seen: 2 } });
  });

  it('tell of a failure when they are run by hand', async () => {
    const { ports, reconcilers } = openWorld('a', 'b');
    ports.on = () => Promise.reject(new Error('not now'));
    await expect(reconcilers.runAll()).rejects.toThrow('not now');
    expect(ports.passes).toEqual(['a']);
  });

  it('stop on close: the pass that runs is aborted and waited for, none follows', async () => {
    const { clock, ports, reconcilers, emit } = openWorld('r');
    const order: unknown[] = [];
    ports.on = async (signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      // What it had under way takes a moment to come to rest.
      await clock.sleep(50);
      order.push(isStop(signal.reason) ? 'ended' : signal.reason);
      throw signal.reason;
    };
    reconcilers.start();
    await clock.advance(0);
    await emit('task.created');
    await clock.through(reconcilers.close().then(() => order.push('closed')));
    expect(order).toEqual(['ended', 'closed']);
    await emit('task.created');
    await clock.advance(10_000);
    expect(ports.passes).toHaveLength(1);
  });
});
