/**
 * One item. Everything in it was written by an agent that may have read hostile input: it is rendered as text, never
 * as markup or a link, and in an element that isolates its writing direction.
 */
import type { ItemBody } from '@berth/contract';
import { ToolView } from './tool-view.tsx';

export const ItemView = ({ body }: { readonly body: ItemBody }) => {
  switch (body.kind) {
    case 'message':
      return body.text.trim() === '' ? null : (
        <div className={`item said said-${body.role}`}>
          <span className="who">{body.role === 'user' ? 'asked' : 'agent'}</span>
          <p className="told lines">{body.text}</p>
        </div>
      );
    case 'thought':
      return (
        <details className="item thought">
          <summary>Thought</summary>
          <p className="told lines soft">{body.text}</p>
        </details>
      );
    case 'tool':
      return <ToolView tool={body} />;
    case 'plan':
      return (
        <ul className="item plan">
          {body.entries.map(({ text, status }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a plan has no other identity than the place of its entries.
            <li key={index} className="told">
              <span className="soft">{status}</span> {text}
            </li>
          ))}
        </ul>
      );
    case 'permission':
      return (
        <p className="item told soft">
          {body.title}: {body.decision}
        </p>
      );
    case 'notice':
      return <p className="item note tone-calm told lines">{body.text}</p>;
  }
};
