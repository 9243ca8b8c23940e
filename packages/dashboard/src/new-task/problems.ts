/** Maps a server error to a form field; one that maps to none is shown above the button. */

import type { TaskCreate } from '@berth/contract';
import type { Failure } from '../live/failure.ts';

const FIELDS = ['workspaceId', 'prompt', 'title', 'agent', 'model', 'after'] as const;
export type Field = (typeof FIELDS)[number];

const FIELD_OF_CODE: Readonly<Record<string, Field>> = {
  'record.missing': 'workspaceId',
  'agent.unknown': 'agent',
  'agent.absent': 'agent',
  'model.unconfigured': 'model',
  'task.dependency_failed': 'after',
};

interface Problems {
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
    // An element of a list is shown at the list.
    const place = FIELDS.find((name) => path.replace(/\[\d+\]$/, '') === `body.${name}`);
    if (place === undefined) isAllPlaced = false;
    else at[place] = message;
  }
  return { at, rest: isAllPlaced ? undefined : failure };
};

/**
 * The form's contents. An empty field is not sent: the server has a default for it, or reports that it is required.
 */
type Draft = Readonly<Record<Field, string>>;

export const EMPTY_DRAFT: Draft = { workspaceId: '', prompt: '', title: '', agent: '', model: '', after: '' };

export const orderOf = ({ workspaceId, prompt, title, agent, model, after }: Draft): TaskCreate => ({
  workspaceId,
  prompt,
  ...(title.trim() === '' ? {} : { title: title.trim() }),
  ...(agent === '' ? {} : { agent }),
  ...(model.trim() === '' ? {} : { model: model.trim() }),
  ...(after.trim() === '' ? {} : { after: after.trim().split(/[\s,]+/) }),
});

/** The idempotency key of the submission. Also works without a secure context. */
export const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
