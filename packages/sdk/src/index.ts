/** The browser-safe client. Node programs that use a Unix socket import `@berth/sdk/node` instead. */
export { BerthError, isBerthError } from '@berth/contract';
export { createClient } from './client.ts';
export type { CallOptions, Client, ClientOptions, InputOf, OutputOf } from './client-type.ts';
export type { FollowInput } from './follow.ts';
export { createItemAssembler, type ItemAssembler } from './item-assembler.ts';
export { connectPort, type PortConnection, type PortInput } from './port.ts';
