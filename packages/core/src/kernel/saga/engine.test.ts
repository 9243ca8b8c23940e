import { fail } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store/memory-store.ts';
import { createIds } from '../ids.ts';
import { cancelled, Stopped } from '../interrupt.ts';
import type { Store } from '../store/store.ts';
import { saga } from './builder.ts';
import { createSagas } from './engine.ts';
import { type AnySaga, nothingToUndo } from './saga.ts';

interface Ports {
  readonly acts: string[];
  /** What a named act does besides being noted. */
  readonly on: Record<string, (signal: AbortSignal) => unknown>;
}

const note = async (ports: Ports, act: string, signal: AbortSignal): Promise<void> => {
  ports.acts.push(act);
  await ports.on[act]?.(signal);
};

const step = (name: string, tries = 1) => ({
  tries,
  do: async ({ ports, signal }: { ports: Ports; signal: AbortSignal }) => {
    await note(ports, name, signal);
    return `${name}!`;
  },
  undo: ({ ports, signal }: { ports: Ports; signal: AbortSignal }) => note(ports, `-${name}`, signal),
});

const twoSteps = saga<Ports, { title: string }>('test.two', 1)
  .step('a', step('a'))
  .step('b', step('b', 3))
  .returns(({ input, out }) => ({ title: input.title, a: out.a, b: out.b }));

const final = saga<Ports, null>('test.final', 1)
  .step('a', step('a'))
  .pointOfNoReturn()
  .step('land', { do: ({ ports, signal }) => note(ports, 'land', signal) })
  .returns(() => undefined);

const deciding = saga<Ports, null>('test.deciding', 1)
  .step('a', step('a'))
  .step('move', { ...step('move'), decisive: true })
  .step('b', step('b'))
  .returns(() => undefined);

const openWorld = (definitions: readonly AnySaga<Ports>[] = [twoSteps, final, deciding]) => {
  const clock = createManualClock();
  const ids = createIds(clock, (bytes) => new Uint8Array(bytes));
  const store = createMemoryStore({ clock, ids });
  const ports: Ports = { acts: [], on: {} };
  const engine = (own: Store = store, list = definitions) =>
    createSagas({ store: own, clock, ports, owner: 'test', definitions: list });
  const row = (id = 'sg_1') => store.read((tx) => tx.table('sagas').get(id));
  return { clock, store, ports, engine, row };
};

const request = { id: 'sg_1', input: { title: 'T' } };
const busy = () => fail('driver.failed', { driver: 'd', act: 'create', detail: 'busy' });
const broken = () => fail('image.unusable', { image: 'i', reason: 'broken' });

describe('a run', () => {
  it('acts step by step and answers with its result', async () => {
    const { engine, ports, row } = openWorld();
    const result = await engine().run(twoSteps, { ...request, subject: 'sb_1' });
    expect(result).toEqual({ title: 'T', a: 'a!', b: 'b!' });
    expect(ports.acts).toEqual(['a', 'b']);
    expect(await row()).toMatchObject({ state: 'done', name: 'test.two@1', subject: 'sb_1', result });
  });

  it('journals what started, what was done, its output and its time', async () => {
    const { engine, store, ports, clock } = openWorld();
    ports.on.b = () => clock.sleep(250);
    await clock.through(engine().run(twoSteps, request));
    const lines = await store.read((tx) => tx.table('journal').list({ where: { sagaId: 'sg_1' } }));
    expect(lines.map(({ id, step, phase }) => [id, step, phase])).toEqual([
      ['sg_1/00001', 'a', 'started'],
      ['sg_1/00002', 'a', 'done'],
      ['sg_1/00003', 'b', 'started'],
      ['sg_1/00004', 'b', 'done'],
    ]);
    expect(lines[3]).toMatchObject({ output: 'b!', durationMs: 250 });
  });

  it('is known by its id: again, it answers the same without acting', async () => {
    const { engine, ports } = openWorld();
    const sagas = engine();
    const [one, same] = await Promise.all([sagas.run(twoSteps, request), sagas.run(twoSteps, request)]);
    const later = await engine().run(twoSteps, { ...request, input: { title: 'other' } });
    expect([same, later]).toEqual([one, one]);
    expect(ports.acts).toEqual(['a', 'b']);
  });

  it('throws its recorded error again', async () => {
    const { engine, ports } = openWorld();
    const cause = broken();
    ports.on.b = () => Promise.reject(cause);
    await expect(engine().run(twoSteps, request)).rejects.toBe(cause);
    expect(ports.acts).toEqual(['a', 'b', '-b', '-a']);
    await expect(engine().run(twoSteps, request)).rejects.toMatchObject({ ...cause.body, kind: 'invalid' });
    await expect(engine().resume('sg_1')).rejects.toMatchObject({ code: 'image.unusable' });
    expect(ports.acts).toHaveLength(4);
  });

  it('tries a step again while its failure is retryable, as often as the step says', async () => {
    const { engine, ports, clock } = openWorld();
    let failures = 2;
    ports.on.b = () => (failures-- > 0 ? Promise.reject(busy()) : undefined);
    await clock.through(engine().run(twoSteps, request));
    expect(ports.acts).toEqual(['a', 'b', 'b', 'b']);

    failures = 3;
    const again = clock.through(engine().run(twoSteps, { ...request, id: 'sg_2' }));
    await expect(again).rejects.toMatchObject({ code: 'driver.failed' });
    expect(ports.acts.slice(4)).toEqual(['a', 'b', 'b', 'b', '-b', '-a']);
  });

  it('has a bug in a step on record as server.failed, with the run as reference', async () => {
    const { engine, ports, row } = openWorld();
    ports.on.a = () => Promise.reject(new TypeError('oops'));
    await expect(engine().run(twoSteps, request)).rejects.toMatchObject({ code: 'server.failed' });
    expect(await row()).toMatchObject({ state: 'undone', error: { details: { reference: 'sg_1' } } });
  });

  it('refuses an output that is not JSON, and undoes', async () => {
    const unclean = saga<Ports, null>('test.unclean', 1)
      .step('a', { ...step('a'), do: async () => new Date() as unknown as string })
      .returns(() => null);
    const { engine, ports } = openWorld([unclean]);
    const run = engine().run(unclean, { id: 'sg_1', input: null });
    await expect(run).rejects.toMatchObject({ cause: { message: 'sg_1/a is not JSON (object)' } });
    expect(ports.acts).toEqual(['-a']);
  });

  it('is refused when its definition is not registered, or twice', async () => {
    const { engine } = openWorld();
    await expect(engine(undefined, [final]).run(twoSteps, request)).rejects.toThrow('test.two@1');
    expect(() => engine(undefined, [final, final])).toThrow('a name of its own');
  });

  it('finishes on the version that began it', async () => {
    const newer = saga<Ports, { title: string }>('test.two', 2)
      .step('z', step('z'))
      .returns(() => 'new');
    const left = openWorld([twoSteps, newer]);
    const stop = new AbortController();
    left.ports.on.a = () => stop.abort(new Stopped('away'));
    await expect(left.engine().run(twoSteps, { ...request, signal: stop.signal })).rejects.toThrow('away');
    expect(await left.engine().run(newer, request)).toEqual({ title: 'T', a: 'a!', b: 'b!' });
    await expect(left.engine(undefined, [newer]).resume('sg_none')).rejects.toMatchObject({
      code: 'record.missing',
    });
  });

  it('cannot go on without the definition that began it', async () => {
    const { engine, ports } = openWorld();
    const stop = new AbortController();
    ports.on.a = () => stop.abort(new Stopped('away'));
    await expect(engine().run(twoSteps, { ...request, signal: stop.signal })).rejects.toThrow('away');
    await expect(engine(undefined, [final]).resume('sg_1')).rejects.toThrow('test.two@1');
  });
});

it('shows an undo what its do saw: outputs of earlier stages, not of its own', async () => {
  const seen: Record<string, unknown> = {};
  const looking = (name: string) => ({
    do: async ({ out }: { out: object }) => {
      seen[name] = out;
      return name;
    },
    undo: async ({ out }: { out: object }) => {
      seen[`-${name}`] = out;
    },
  });
  const definition = saga<Ports, null>('test.looking', 1)
    .step('a', looking('a'))
    .together({ x: looking('x'), y: looking('y') })
    .step('b', { ...looking('b'), save: () => Promise.reject(broken()) })
    .returns(() => null);
  const { engine } = openWorld([definition]);
  await expect(engine().run(definition, { id: 'sg_1', input: null })).rejects.toThrow();
  const [none, a, all] = [{}, { a: 'a' }, { a: 'a', x: 'x', y: 'y' }];
  expect(seen).toEqual({ a: none, x: a, y: a, b: all, '-a': none, '-x': a, '-y': a, '-b': all });
});

describe('steps together', () => {
  const together = saga<Ports, null>('test.together', 1)
    .step('a', step('a'))
    .together({ x: step('x'), y: step('y', 5) })
    .returns(({ out }) => [out.a, out.x, out.y]);
  const own = { id: 'sg_1', input: null };

  it('act at the same time', async () => {
    const { engine, ports } = openWorld([together]);
    let release: () => void = () => undefined;
    ports.on.x = () => new Promise<void>((resolve) => (release = resolve));
    ports.on.y = () => release();
    expect(await engine().run(together, own)).toEqual(['a!', 'x!', 'y!']);
  });

  it('are aborted by the failure of one, and all undone, last started first', async () => {
    const { engine, ports } = openWorld([together]);
    ports.on.x = (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    ports.on.y = () => Promise.reject(broken());
    await expect(engine().run(together, own)).rejects.toMatchObject({ code: 'image.unusable' });
    expect(ports.acts).toEqual(['a', 'x', 'y', '-y', '-x', '-a']);
  });

  it('do not try again when a sibling has failed', async () => {
    const { engine, ports, clock } = openWorld([together]);
    ports.on.x = () => Promise.reject(broken());
    ports.on.y = () => Promise.reject(busy());
    await expect(clock.through(engine().run(together, own))).rejects.toMatchObject({
      code: 'image.unusable',
    });
    expect(ports.acts.filter((act) => act === 'y')).toHaveLength(1);
  });
});

describe('cancel', () => {
  it('by the signal undoes, with the reason on record', async () => {
    const { engine, ports, row } = openWorld();
    const abort = new AbortController();
    ports.on.a = () => abort.abort(cancelled('enough'));
    const run = engine().run(twoSteps, { ...request, signal: abort.signal });
    await expect(run).rejects.toMatchObject({ code: 'work.cancelled', details: { reason: 'enough' } });
    // The end of `a` announced `b`, so it is undone too.
    expect(ports.acts).toEqual(['a', '-b', '-a']);
    expect(await row()).toMatchObject({ state: 'undone', error: { code: 'work.cancelled' } });
  });

  it('by a signal that was aborted before, for whatever reason, does not act at all', async () => {
    const { engine, ports } = openWorld();
    const run = engine().run(twoSteps, { ...request, signal: AbortSignal.abort(new Error('closed')) });
    await expect(run).rejects.toMatchObject({ code: 'work.cancelled' });
    expect(ports.acts).toEqual([]);
  });

  it('by asking reaches the step that runs, and is what the run ends with', async () => {
    const { engine, ports } = openWorld();
    const sagas = engine();
    ports.on.b = async (signal) => {
      await sagas.askCancel('sg_1', 'no more');
      signal.throwIfAborted();
    };
    await expect(sagas.run(twoSteps, request)).rejects.toMatchObject({ details: { reason: 'no more' } });
    expect(ports.acts).toEqual(['a', 'b', '-b', '-a']);
  });

  it('ends the waiting for another try', async () => {
    const { engine, ports } = openWorld();
    const sagas = engine();
    ports.on.b = () => Promise.reject(busy());
    const run = sagas.run(twoSteps, request);
    const refused = expect(run).rejects.toMatchObject({ code: 'work.cancelled' });
    await new Promise((resolve) => setImmediate(resolve));
    await sagas.askCancel('sg_1', 'no more');
    await refused;
  });

  it('by asking holds over a restart', async () => {
    const { engine, ports } = openWorld();
    const stop = new AbortController();
    ports.on.a = () => stop.abort(new Stopped('away'));
    await expect(engine().run(twoSteps, { ...request, signal: stop.signal })).rejects.toThrow('away');
    await engine().askCancel('sg_1', 'first');
    await engine().askCancel('sg_1', 'second');
    await expect(engine().resume('sg_1')).rejects.toMatchObject({ details: { reason: 'first' } });
    expect(ports.acts).toEqual(['a', '-b', '-a']);
  });

  it('by the system says its own reason, not that of a person', async () => {
    const { engine, ports, store } = openWorld();
    const stop = new AbortController();
    ports.on.a = () => stop.abort(new Stopped('away'));
    await expect(engine().run(twoSteps, { ...request, signal: stop.signal })).rejects.toThrow('away');
    const error = { ...fail('work.crashed', { job: 'jb_1', crashes: 3 }).body };
    await store.write(async (tx) => {
      const row = await tx.table('sagas').get('sg_1');
      await tx.table('sagas').update('sg_1', row?.revision ?? 0, { cancelAsked: error.message, error });
    });
    await expect(engine().resume('sg_1')).rejects.toMatchObject({ code: 'work.crashed' });
    expect(ports.acts).toEqual(['a', '-b', '-a']);
  });

  it('comes too late after the point of no return, and after the end', async () => {
    const { engine, ports, row } = openWorld();
    const sagas = engine();
    ports.on.land = () => sagas.askCancel('sg_1', 'too late');
    await sagas.run(final, { id: 'sg_1', input: null });
    await sagas.askCancel('sg_1', 'much too late');
    expect(await row()).toMatchObject({ state: 'done', cancelAsked: 'too late' });
    await expect(sagas.askCancel('sg_2', 'nobody')).rejects.toMatchObject({ code: 'record.missing' });
  });

  it('comes too late for a decisive step that has started, also over a restart', async () => {
    const { engine, ports, row } = openWorld();
    const stop = new AbortController();
    ports.on.move = (signal) => {
      stop.abort(new Stopped('away'));
      signal.throwIfAborted();
    };
    const run = engine().run(deciding, { id: 'sg_1', input: null, signal: stop.signal });
    await expect(run).rejects.toThrow('away');
    await engine().askCancel('sg_1', 'too late');
    ports.on.move = (signal) => signal.throwIfAborted();
    await engine().resume('sg_1');
    expect(ports.acts).toEqual(['a', 'move', 'move', 'b']);
    expect(await row()).toMatchObject({ state: 'done' });
  });

  it('is not heard while a decisive step acts; what the step fails with is why it is undone', async () => {
    const { engine, ports } = openWorld();
    const abort = new AbortController();
    ports.on.move = (signal) => {
      abort.abort(cancelled('too late'));
      signal.throwIfAborted();
      throw broken();
    };
    const run = engine().run(deciding, { id: 'sg_1', input: null, signal: abort.signal });
    await expect(run).rejects.toMatchObject({ code: 'image.unusable' });
    expect(ports.acts).toEqual(['a', 'move', '-move', '-a']);
  });

  it('just before a decisive step still undoes', async () => {
    const { engine, ports } = openWorld();
    const abort = new AbortController();
    ports.on.a = () => abort.abort(cancelled('in time'));
    const run = engine().run(deciding, { id: 'sg_1', input: null, signal: abort.signal });
    await expect(run).rejects.toMatchObject({ code: 'work.cancelled' });
    expect(ports.acts).toEqual(['a', '-a']);
  });

  it('just before the point of no return still undoes', async () => {
    const { engine, ports } = openWorld();
    const abort = new AbortController();
    ports.on.a = () => abort.abort(cancelled('in time'));
    const run = engine().run(final, { id: 'sg_1', input: null, signal: abort.signal });
    await expect(run).rejects.toMatchObject({ code: 'work.cancelled' });
    expect(ports.acts).toEqual(['a', '-a']);
  });
});

describe('stop', () => {
  it('leaves the run as it is, whatever the step made of it, to be resumed', async () => {
    const { engine, ports, row } = openWorld();
    const stop = new AbortController();
    ports.on.b = async (signal) => {
      stop.abort(new Stopped('away'));
      signal.throwIfAborted();
    };
    await expect(engine().run(twoSteps, { ...request, signal: stop.signal })).rejects.toThrow('away');
    expect(await row()).toMatchObject({ state: 'running' });
    expect(await engine().unfinished()).toEqual(['sg_1']);
    ports.on.b = () => undefined;
    expect(await engine().resume('sg_1')).toMatchObject({ b: 'b!' });
    expect(ports.acts).toEqual(['a', 'b', 'b']);
    expect(await engine().unfinished()).toEqual([]);
  });

  it('during undo leaves the rest to be undone', async () => {
    const { engine, ports, row } = openWorld();
    const stop = new AbortController();
    ports.on.b = () => Promise.reject(broken());
    ports.on['-b'] = () => stop.abort(new Stopped('away'));
    await expect(engine().run(twoSteps, { ...request, signal: stop.signal })).rejects.toThrow('away');
    expect(await row()).toMatchObject({ state: 'undoing' });
    await expect(engine().resume('sg_1')).rejects.toMatchObject({ code: 'image.unusable' });
    expect(ports.acts).toEqual(['a', 'b', '-b', '-a']);
  });

  it('during an undo that fails is not taken for stuck', async () => {
    const { engine, ports, row } = openWorld();
    const stop = new AbortController();
    ports.on.b = () => Promise.reject(broken());
    ports.on['-b'] = () => {
      stop.abort(new Stopped('away'));
      return Promise.reject(broken());
    };
    await expect(engine().run(twoSteps, { ...request, signal: stop.signal })).rejects.toThrow('away');
    expect(await row()).toMatchObject({ state: 'undoing' });
  });

  it('is the only end of trying after the point of no return', async () => {
    const { engine, ports, clock, row } = openWorld();
    const stop = new AbortController();
    let tries = 0;
    ports.on.land = () => {
      tries += 1;
      if (tries === 20) stop.abort(new Stopped('away'));
      return Promise.reject(broken());
    };
    const run = clock.through(engine().run(final, { id: 'sg_1', input: null, signal: stop.signal }));
    await expect(run).rejects.toThrow('away');
    expect(await row()).toMatchObject({ state: 'running' });
    ports.on.land = () => undefined;
    await engine().resume('sg_1');
    expect(ports.acts.filter((act) => act === 'a')).toHaveLength(1);
  });
});

describe('trouble of the store', () => {
  it('undoes nothing: nobody can say what was written', async () => {
    const { engine, ports, store, row } = openWorld();
    let writes = 0;
    const failing: Store = {
      ...store,
      write: (change) => (++writes < 5 ? store.write(change) : Promise.reject(busy())),
    };
    await expect(engine(failing).run(twoSteps, request)).rejects.toMatchObject({ code: 'driver.failed' });
    expect(ports.acts).toEqual(['a', 'b']);
    expect(await row()).toMatchObject({ state: 'running' });
  });

  it('in one of two that act together counts more than the failure of the other', async () => {
    const together = saga<Ports, null>('test.together', 1)
      .together({ x: step('x'), y: step('y') })
      .returns(() => null);
    const { engine, ports, store, row } = openWorld([together]);
    ports.on.y = () => Promise.reject(broken());
    const failing: Store = {
      ...store,
      write: (change) =>
        store.write(async (tx) => {
          const result = await change(tx);
          if ((await tx.table('journal').list()).some(({ phase }) => phase === 'done')) throw busy();
          return result;
        }),
    };
    const run = engine(failing).run(together, { id: 'sg_1', input: null });
    await expect(run).rejects.toMatchObject({ code: 'driver.failed' });
    expect(await row()).toMatchObject({ state: 'running' });
  });

  it('keeps an engine from going on with what another took over', async () => {
    const { engine, ports, store } = openWorld();
    ports.on.a = () =>
      store.write((tx) =>
        tx.table('journal').insert({ id: 'sg_1/00002', sagaId: 'sg_1', step: 'a', phase: 'done' }),
      );
    await expect(engine().run(twoSteps, request)).rejects.toMatchObject({ code: 'record.exists' });
    expect(ports.acts).toEqual(['a']);
  });
});

describe('stuck', () => {
  const stick = async () => {
    const world = openWorld();
    world.ports.on.b = () => Promise.reject(broken());
    world.ports.on['-b'] = () => Promise.reject(new Error('will not go'));
    const sagas = world.engine();
    await expect(sagas.run(twoSteps, request)).rejects.toMatchObject({ code: 'saga.stuck' });
    return { ...world, sagas };
  };

  it('has both causes on record, undoes nothing further, and says so again', async () => {
    const { sagas, ports, row } = await stick();
    expect(ports.acts).toEqual(['a', 'b', '-b']);
    expect(await row()).toMatchObject({
      state: 'stuck',
      error: { code: 'image.unusable' },
      stuckAt: { step: 'b', error: { code: 'server.failed' } },
    });
    await expect(sagas.run(twoSteps, request)).rejects.toMatchObject({
      details: { saga: 'test.two@1', step: 'b', cause: broken().message },
    });
    expect(await sagas.unfinished()).toEqual([]);
  });

  it('is tried again from where it stuck', async () => {
    const { sagas, ports, row } = await stick();
    ports.on['-b'] = () => undefined;
    await expect(sagas.retryStuck('sg_1')).rejects.toMatchObject({ code: 'image.unusable' });
    expect(ports.acts).toEqual(['a', 'b', '-b', '-b', '-a']);
    expect(await row()).toMatchObject({ state: 'undone' });
    await expect(sagas.retryStuck('sg_1')).rejects.toMatchObject({ code: 'state.illegal' });
  });

  it('can be forgotten, and ends with its cause', async () => {
    const { sagas, row } = await stick();
    await sagas.forget('sg_1');
    expect(await row()).toMatchObject({ state: 'forgotten' });
    await expect(sagas.run(twoSteps, request)).rejects.toMatchObject({ code: 'image.unusable' });
    await expect(sagas.forget('sg_1')).rejects.toMatchObject({ code: 'state.illegal' });
  });

  it('comes only after an undo was tried again while that could help', async () => {
    const { engine, ports, clock } = openWorld();
    ports.on.b = () => Promise.reject(broken());
    let failures = 4;
    ports.on['-b'] = () => (failures-- > 0 ? Promise.reject(busy()) : undefined);
    await expect(clock.through(engine().run(twoSteps, request))).rejects.toMatchObject({
      code: 'image.unusable',
    });
    expect(ports.acts.filter((act) => act === '-b')).toHaveLength(5);
  });
});

describe('what a step says in the store', () => {
  const saying = saga<Ports, null>('test.saying', 1)
    .step('say', {
      save: (tx) => tx.table('leases').insert({ id: 'said', owner: 'x', fence: 1, until: 0 }),
      undo: nothingToUndo('unsave takes it back'),
      unsave: (tx) => tx.table('leases').remove('said'),
    })
    .step('b', step('b'))
    .returns(() => null);

  it('is there with done, and gone with undone', async () => {
    const { engine, ports, store } = openWorld([saying]);
    const said = () => store.read((tx) => tx.table('leases').count());
    ports.on.b = async () => {
      expect(await said()).toBe(1);
      throw broken();
    };
    await expect(engine().run(saying, { id: 'sg_1', input: null })).rejects.toMatchObject({
      code: 'image.unusable',
    });
    expect(await said()).toBe(0);
  });

  it('is a failure of the step when it is refused', async () => {
    const { engine, store, row } = openWorld([saying]);
    await store.write((tx) => tx.table('leases').insert({ id: 'said', owner: 'y', fence: 1, until: 0 }));
    await expect(engine().run(saying, { id: 'sg_1', input: null })).rejects.toMatchObject({
      code: 'record.exists',
    });
    expect(await row()).toMatchObject({ state: 'undone' });
  });
});

it('lists unfinished runs beyond one page', async () => {
  const { engine, store } = openWorld();
  await store.write(async (tx) => {
    for (let at = 0; at < 1500; at += 1) {
      const id = `sg_${String(at).padStart(5, '0')}`;
      await tx.table('sagas').insert({ id, name: 'test.two@1', state: 'running', input: null });
    }
  });
  expect(await engine().unfinished()).toHaveLength(1500);
});
