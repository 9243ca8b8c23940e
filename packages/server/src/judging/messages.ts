/** What the server and the thread that reads hostile text say to each other. */
import type { Comparison, TestText } from '@berth/core/judge';

export type Request =
  | { readonly type: 'compare'; readonly comparison: Comparison }
  | { readonly type: 'tests'; readonly output: string }
  | { readonly type: 'alter'; readonly file: TestText };

export type ToWorker =
  | Request
  | { readonly type: 'text'; readonly read: number; readonly text: string | undefined };

export type FromWorker =
  | {
      readonly type: 'read';
      readonly read: number;
      readonly side: 'target' | 'change';
      readonly repository: string;
      readonly path: string;
    }
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: unknown };
