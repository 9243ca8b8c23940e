import { describe, expect, it } from 'vitest';
import { saga } from './builder.ts';
import { nothingToUndo } from './saga.ts';
import { crashPointsOf } from './unwind.ts';

interface Ports {
  readonly machines: {
    create(id: string): Promise<{ id: string; root: string | undefined }>;
    destroy(id: string): Promise<void>;
  };
}

const first = saga<Ports, { image: string }>('sandbox.create', 1).step('id', {
  do: async ({ input }) => `sb_${input.image}`,
  undo: nothingToUndo('an unused id costs nothing'),
});

describe('a definition', () => {
  it('is data: its name with the version, its stages in order, its result', () => {
    const definition = first
      .step('machine', {
        do: ({ ports, out }) => ports.machines.create(out.id),
        undo: ({ ports, out }) => ports.machines.destroy(out.id),
      })
      .together({
        left: { do: async ({ out }) => out.machine.root, undo: nothingToUndo('a reading') },
        right: { do: async () => [1, 2], undo: nothingToUndo('a reading') },
      })
      .pointOfNoReturn()
      .step('land', { do: async ({ out }) => ({ at: out.right.length, left: out.left }) })
      .returns(({ out }) => ({ id: out.id, at: out.land.at }));

    expect(definition.name).toBe('sandbox.create@1');
    expect(definition.stages.map(({ steps, final }) => [steps.map((step) => step.name), final])).toEqual([
      [['id'], false],
      [['machine'], false],
      [['left', 'right'], false],
      [['land'], true],
    ]);
    expect(crashPointsOf(definition).filter((point) => point.includes('machine'))).toEqual(
      ['do', 'done', 'undo', 'undone'].flatMap((act) => [
        `sandbox.create@1/machine/before-${act}`,
        `sandbox.create@1/machine/after-${act}`,
      ]),
    );
    expect(crashPointsOf(definition)).toHaveLength(5 * 4 + 4);
  });

  it('refuses a name that is taken or that would not fit into a key', () => {
    const again = () => first.step('id' as 'other', { undo: nothingToUndo('never') });
    expect(again).toThrow('the step name id is a new word');
    expect(() => first.step('a/b', { undo: nothingToUndo('never') })).toThrow('the step name a/b');
  });
});

describe('what does not compile', () => {
  it('is a step without an undo, with a name that is taken, or that looks at its own output', () => {
    const never = (): void => {
      // @ts-expect-error: undo is missing
      first.step('machine', { do: async () => 1 });
      // @ts-expect-error: the name is taken
      first.step('id', { undo: nothingToUndo('…') });
      // @ts-expect-error: the name is taken
      first.together({ id: { undo: nothingToUndo('…') } });
      first.step('machine', {
        do: async () => 1,
        // @ts-expect-error: undo sees what do saw, not what it made
        undo: async ({ out }) => void out.machine,
      });
      first.together({
        a: { do: async () => 1, undo: nothingToUndo('…') },
        // @ts-expect-error: steps of one stage do not see each other
        b: { do: async ({ out }) => out.a, undo: nothingToUndo('…') },
      });
      first.step('machine', {
        // @ts-expect-error: an output is JSON
        do: async () => new Date(),
        undo: nothingToUndo('…'),
      });
      const final = first.pointOfNoReturn();
      // @ts-expect-error: there is no undo any more
      final.step('land', { do: async () => 1, undo: async () => undefined });
      // @ts-expect-error: nor another such point
      final.pointOfNoReturn();
      first.step('machine', {
        do: async () => 'made',
        save: async (tx, { out }, output) =>
          tx.emit({ type: 'task.created', subject: out.id, data: { title: output.toUpperCase() } }),
        undo: nothingToUndo('…'),
      });
    };
    expect(never).toBeTypeOf('function');
  });
});
