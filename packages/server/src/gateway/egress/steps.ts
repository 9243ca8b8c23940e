/** Bytes that pass only once they have been judged, a step at a time. */
import { Transform } from 'node:stream';

export interface Step<State> {
  /** How many may go. */
  readonly bytes: number;
  readonly next: State;
}

/** `take`: the next step; undefined while there are too few bytes to tell. What it throws ends the stream. */
export const judgeSteps = <State>(
  first: State,
  take: (state: State, bytes: Buffer) => Step<State> | undefined,
): Transform => {
  let held: Buffer = Buffer.alloc(0);
  let state = first;
  const judged = function* (): Generator<Buffer> {
    for (let step = take(state, held); step !== undefined && held.length > 0; step = take(state, held)) {
      state = step.next;
      yield held.subarray(0, step.bytes);
      held = held.subarray(step.bytes);
    }
  };
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      try {
        for (const bytes of judged()) this.push(bytes);
        done();
      } catch (objection) {
        done(objection instanceof Error ? objection : new Error(String(objection)));
      }
    },
  });
};
