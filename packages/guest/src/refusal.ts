/** The wire form of a refused request: a code of the error catalogue and its data. */
import type { GuestRefusal } from '@berth/contract/guest-messages';

export class Refusal extends Error {
  readonly body: GuestRefusal;

  constructor(body: GuestRefusal) {
    super(body.code);
    this.body = body;
  }
}

export const invalid = (path: string, message: string): Refusal =>
  new Refusal({ code: 'request.invalid', data: { issues: [{ path, message }] } });

/** The `code` of a system error such as ENOENT. */
export const systemCode = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';

export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
