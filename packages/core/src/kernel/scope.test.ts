import { describe, expect, it } from 'vitest';
import { createScope } from './scope.ts';

describe('a scope', () => {
  it('closes in reverse order, waiting for each, once', async () => {
    const scope = createScope();
    const closed: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      await scope.add(name, async () => {
        await Promise.resolve();
        closed.push(name);
      });
    }
    await Promise.all([scope.close(), scope[Symbol.asyncDispose]()]);
    await scope.close();
    expect(closed).toEqual(['c', 'b', 'a']);
  });

  it('tries everything, and then tells all that went wrong', async () => {
    const scope = createScope();
    const closed: string[] = [];
    await scope.add('a', () => Promise.reject(new Error('no')));
    await scope.add('b', () => void closed.push('b'));
    await scope.add('c', () => {
      throw new Error('never');
    });
    const failure = await scope.close().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AggregateError);
    expect(failure).toMatchObject({
      message: 'c did not close: Error: never; a did not close: Error: no',
      errors: [{ cause: { message: 'never' } }, { cause: { message: 'no' } }],
    });
    expect(closed).toEqual(['b']);
  });

  it('closes at once what comes after its end', async () => {
    const scope = createScope();
    await scope.close();
    let isClosed = false;
    await scope.add('late', () => {
      isClosed = true;
    });
    expect(isClosed).toBe(true);
  });
});
