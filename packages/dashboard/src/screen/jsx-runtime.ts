/**
 * The only path to the page for everything the dashboard renders: the JSX of all its files is created here. Text
 * written by an agent, a repository or a server is shown as in the command line: control and bidirectional characters
 * are escaped, so that what a user approves reads as what lands.
 */
import { escapeControls } from '@berth/contract';
import * as react from 'react/jsx-runtime';

export type { JSX } from 'react/jsx-runtime';
export { Fragment } from 'react/jsx-runtime';

type Make = typeof react.jsx;

const KEPT = '\n\t';
const DRAWN = ['children', 'title', 'alt', 'placeholder', 'aria-label'];

const drawn = (value: unknown): unknown => {
  if (typeof value === 'string') return escapeControls(value, KEPT);
  return Array.isArray(value) ? value.map(drawn) : value;
};

const cleaning =
  (make: Make): Make =>
  (type, props, key) => {
    const isDrawn = typeof type === 'string' || type === react.Fragment;
    if (!isDrawn || typeof props !== 'object' || props === null) return make(type, props, key);
    const entries = Object.entries(props);
    return make(
      type,
      Object.fromEntries(entries.map(([name, value]) => [name, DRAWN.includes(name) ? drawn(value) : value])),
      key,
    );
  };

export const jsx = cleaning(react.jsx);
export const jsxs = cleaning(react.jsxs);
