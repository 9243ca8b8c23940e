/** The moments of a saga at which a process may die: before and after each effect and each line of the journal. */
import type { AnySaga } from './saga.ts';
import { hasUndo } from './unwind.ts';

const FORTH = ['before-do', 'after-do', 'before-done', 'after-done'] as const;
const BACK = ['before-undo', 'after-undo', 'before-undone', 'after-undone'] as const;

/** All points, in order: `<saga>/<step>/<moment>`. */
export const crashPointsOf = <P>(definition: AnySaga<P>): string[] =>
  definition.stages.flatMap((stage) =>
    stage.steps.flatMap((step) =>
      [...FORTH, ...(hasUndo(step) ? BACK : [])].map((moment) => `${definition.name}/${step.name}/${moment}`),
    ),
  );
