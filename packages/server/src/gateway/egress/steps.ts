/** Forwards bytes only after they were checked, step by step. */
import { Transform } from 'node:stream';

export interface Step<State> {
  /** How many bytes may pass. */
  readonly bytes: number;
  readonly next: State;
}

/** `take`: the next step; undefined when more bytes are needed. An error it throws ends the stream. */
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
