/**
 * The laws of every saga: whatever fails and whenever the process dies, in the end everything exists once, or nothing
 * is left. One call tests each step's failure, each crash point, repetition, cancel and stop.
 */
import { describe, expect, it } from 'vitest';
import { cancelled, Stopped } from '../../src/kernel/interrupt.ts';
import type { Output, Saga } from '../../src/kernel/saga/saga.ts';
import { crashPointsOf } from '../../src/kernel/saga/unwind.ts';
import { createMortal, failingAt, mapSteps, refusedAt, repeating, stepNames } from './saga-faults.ts';
import { expectEnd, runOnce, type SagaWorld, type Trial } from './saga-trial.ts';

export interface SagaLawOptions<P, I> {
  /** A fresh world for every case. */
  readonly world: () => SagaWorld<P> | Promise<SagaWorld<P>>;
  readonly input: I;
}

/** Defines the cases; call it inside a suite. */
export const sagaLaws = <P, I>(
  definition: Saga<P, I, Output>,
  { world, input }: SagaLawOptions<P, I>,
): void => {
  const tryOut: TryOut<P, I> = async (own = definition, signal) => ({
    world: await world(),
    definition: own,
    input,
    ...(signal === undefined ? {} : { signal }),
  });
  describe(`the saga ${definition.name}`, () => {
    it('starts with a clean world, and ends with everything in place', async () => {
      const trial = await tryOut();
      expect(await trial.world.isClean()).toBe(true);
      await expectEnd(trial, ['done']);
    });
    it('tolerates every act and every undo running twice', async () => {
      await expectEnd(await tryOut(repeating(definition)), ['done']);
      for (const failing of lastFailures(definition)) {
        await expectEnd(await tryOut(repeating(failing)), ['undone']);
      }
    });
    failureLaws(definition, tryOut);
    crashLaws(definition, tryOut);
    interruptLaws(definition, tryOut);
  });
};

type TryOut<P, I> = (own?: Saga<P, I, Output>, signal?: AbortSignal) => Promise<Trial<P, I>>;

const failureLaws = <P, I>(definition: Saga<P, I, Output>, tryOut: TryOut<P, I>): void => {
  const moments = ['before', 'after'] as const;
  for (const step of stepNames(definition, 'ordinary')) {
    for (const moment of moments) {
      it(`leaves nothing when ${step} fails ${moment} its effect`, async () => {
        const own = failingAt(definition, { step, moment, times: Number.POSITIVE_INFINITY });
        await expectEnd(await tryOut(own), ['undone']);
      });
    }
    it(`leaves nothing when the write of ${step} is rejected`, async () => {
      await expectEnd(await tryOut(refusedAt(definition, step)), ['undone']);
    });
  }
  for (const step of stepNames(definition, 'final')) {
    for (const moment of moments) {
      it(`completes although ${step} fails ${moment} its effect for a while`, async () => {
        await expectEnd(await tryOut(failingAt(definition, { step, moment, times: 3 })), ['done']);
      });
    }
  }
};

const crashLaws = <P, I>(definition: Saga<P, I, Output>, tryOut: TryOut<P, I>): void => {
  it('completes despite a crash after any write', async () => {
    await crashAfterEveryWrite(() => tryOut(), 'done');
  });
  it('leaves nothing despite a crash after any write of its undo', async () => {
    for (const failing of lastFailures(definition))
      await crashAfterEveryWrite(() => tryOut(failing), 'undone');
  });
  for (const at of crashPointsOf(definition)) {
    it(`ends well despite a crash at ${at}`, async () => {
      const back = at.includes('undo');
      const own = back ? (lastFailures(definition)[0] ?? definition) : definition;
      const trial = await tryOut(own);
      const mortal = createMortal(trial.world.store, { at });
      await runOnce(trial, mortal);
      expect(mortal.isDead(), 'the moment was reached').toBe(true);
      await expectEnd(trial, [back ? 'undone' : 'done']);
    });
  }
};

const interruptLaws = <P, I>(definition: Saga<P, I, Output>, tryOut: TryOut<P, I>): void => {
  const steps = [...stepNames(definition, 'ordinary'), ...stepNames(definition, 'final')];
  for (const step of steps) {
    it(`is whole or gone when it is cancelled in ${step}`, async () => {
      const { own, signal } = abortingIn(definition, step, cancelled('the law says so'));
      await expectEnd(await tryOut(own, signal), ['done', 'undone']);
    });
    it(`is interrupted by a stop in ${step}, and completes later`, async () => {
      const { own, signal } = abortingIn(definition, step, new Stopped('the law says so'));
      const trial = await tryOut(own, signal);
      expect(['running', 'done']).toContain(await runOnce(trial));
      await expectEnd({ ...trial, definition, signal: new AbortController().signal }, ['done']);
    });
  }
};

/** The definition with its last ordinary step failing after its effect: the longest undo there is. */
const lastFailures = <P, I>(definition: Saga<P, I, Output>): Saga<P, I, Output>[] =>
  stepNames(definition, 'ordinary')
    .slice(-1)
    .map((step) => failingAt(definition, { step, moment: 'after', times: Number.POSITIVE_INFINITY }));

const crashAfterEveryWrite = async <P, I>(
  tryOut: () => Promise<Trial<P, I>>,
  end: 'done' | 'undone',
): Promise<void> => {
  for (let afterWrite = 1; ; afterWrite += 1) {
    const trial = await tryOut();
    const mortal = createMortal(trial.world.store, { afterWrite });
    await runOnce(trial, mortal);
    await expectEnd(trial, [end]);
    if (!mortal.isDead()) return;
  }
};

const abortingIn = <P, I>(definition: Saga<P, I, Output>, name: string, reason: unknown) => {
  const abort = new AbortController();
  const own = mapSteps(definition, (step) =>
    step.name === name
      ? {
          ...step,
          do: async (ctx) => {
            const output = await step.do?.(ctx);
            abort.abort(reason);
            return output;
          },
        }
      : step,
  );
  return { own, signal: abort.signal };
};
