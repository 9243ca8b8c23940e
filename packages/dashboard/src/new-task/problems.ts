/** Which field of the form a refusal of the server is about; what is about none is told above the button. */
import type { Failure } from '../live/failure.ts';

export const FIELDS = ['workspaceId', 'prompt', 'title', 'agent', 'model'] as const;
export type Field = (typeof FIELDS)[number];

const FIELD_OF_CODE: Readonly<Record<string, Field>> = {
  'record.missing': 'workspaceId',
  'agent.unknown': 'agent',
  'agent.absent': 'agent',
  'model.unconfigured': 'model',
};

export interface Problems {
  readonly at: Readonly<Partial<Record<Field, string>>>;
  readonly rest: Failure | undefined;
}

export const problemsOf = (failure: Failure | undefined): Problems => {
  if (failure === undefined) return { at: {}, rest: undefined };
  const field = FIELD_OF_CODE[failure.code];
  if (field !== undefined) {
    const text = failure.hint === undefined ? failure.message : `${failure.message} ${failure.hint}`;
    return { at: { [field]: text }, rest: undefined };
  }
  const at: Partial<Record<Field, string>> = {};
  let isAllPlaced = failure.issues.length > 0;
  for (const { path, message } of failure.issues) {
    const place = FIELDS.find((name) => path === `body.${name}`);
    if (place === undefined) isAllPlaced = false;
    else at[place] = message;
  }
  return { at, rest: isAllPlaced ? undefined : failure };
};
