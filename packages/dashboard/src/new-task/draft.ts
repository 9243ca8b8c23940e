import type { TaskCreate } from '@berth/contract';
import type { Field } from './problems.ts';

/** What is in the form. An empty field is not sent: the server has a default for it, or says that it needs one. */
export type Draft = Readonly<Record<Field, string>>;

export const EMPTY_DRAFT: Draft = { workspaceId: '', prompt: '', title: '', agent: '', model: '' };

export const orderOf = ({ workspaceId, prompt, title, agent, model }: Draft): TaskCreate => ({
  workspaceId,
  prompt,
  ...(title.trim() === '' ? {} : { title: title.trim() }),
  ...(agent === '' ? {} : { agent }),
  ...(model.trim() === '' ? {} : { model: model.trim() }),
});

/** A key by which the server knows that an order was sent twice. Works without a secure context, too. */
export const newKey = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
