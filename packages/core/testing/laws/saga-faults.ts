/**
 * Ways to make a saga or its process fail. A definition is data, so a faulty one is derived from it without the
 * engine.
 */
import { fail } from '@berth/contract';
import { isNothing } from '../../src/kernel/saga/run.ts';
import type { AnySaga, NamedStep, Saga } from '../../src/kernel/saga/saga.ts';
import type { Store } from '../../src/kernel/store/store.ts';

type Wrap<P, I> = (step: NamedStep<P, I>) => NamedStep<P, I>;

export const mapSteps = <P, I, R>(definition: Saga<P, I, R>, wrap: Wrap<P, I>): Saga<P, I, R> => ({
  ...definition,
  stages: definition.stages.map((stage) => ({ ...stage, steps: stage.steps.map(wrap) })),
});

export const stepNames = <P>(definition: AnySaga<P>, part: 'ordinary' | 'final'): string[] =>
  definition.stages
    .filter((stage) => stage.final === (part === 'final'))
    .flatMap((stage) => stage.steps.map(({ name }) => name));

export type Moment = 'before' | 'after';

/** One step fails, before or after its effect: a given number of times. */
export const failingAt = <P, I, R>(
  definition: Saga<P, I, R>,
  { step: name, moment, times }: { readonly step: string; readonly moment: Moment; readonly times: number },
): Saga<P, I, R> => {
  let left = times;
  const trip = (now: Moment): void => {
    if (now !== moment || left === 0) return;
    left -= 1;
    throw fail('server.failed', { reference: `${name}, ${moment} its effect` });
  };
  return mapSteps(definition, (step) =>
    step.name === name
      ? {
          ...step,
          async do(ctx) {
            trip('before');
            const output = await step.do?.(ctx);
            trip('after');
            return output;
          },
        }
      : step,
  );
};

/** A step's write to the store is rejected after the step made it. */
export const refusedAt = <P, I, R>(definition: Saga<P, I, R>, name: string): Saga<P, I, R> =>
  mapSteps(definition, (step) => ({
    ...step,
    async save(tx, ctx, output) {
      await step.save?.(tx, ctx, output);
      if (step.name === name) throw fail('server.failed', { reference: `what ${name} says` });
    },
  }));

/** Every step acts twice, and every undo runs twice. */
export const repeating = <P, I, R>(definition: Saga<P, I, R>): Saga<P, I, R> =>
  mapSteps(definition, (step) => {
    const { do: act, undo } = step;
    return {
      ...step,
      do: async (ctx) => {
        await act?.(ctx);
        return act?.(ctx);
      },
      undo: isNothing(undo)
        ? undo
        : async (ctx) => {
            await undo(ctx);
            await undo(ctx);
          },
    };
  });

/** A crash as seen by the engine: nothing more can be written or decided. */
class Crash extends Error {
  override readonly name = 'Crash';
}

export interface Mortal {
  readonly store: Store;
  readonly crashPoint: (name: string) => void;
  isDead(): boolean;
}

export type Death =
  /** Right after the nth write, counted from 1. */
  | { readonly afterWrite: number }
  /** The first time a named point is reached. */
  | { readonly at: string };

/** A process that crashes once, over a store that survives. */
export const createMortal = (store: Store, death: Death): Mortal => {
  let writes = 0;
  let dead = false;
  const checkAlive = (): void => {
    if (dead) throw new Crash('the process is dead');
  };
  return {
    isDead: () => dead,
    store: {
      ...store,
      async write(change) {
        checkAlive();
        const result = await store.write(async (tx) => {
          checkAlive();
          return change(tx);
        });
        writes += 1;
        if ('afterWrite' in death && writes === death.afterWrite) dead = true;
        checkAlive();
        return result;
      },
    },
    crashPoint(name) {
      if ('at' in death && name === death.at) dead = true;
      checkAlive();
    },
  };
};
