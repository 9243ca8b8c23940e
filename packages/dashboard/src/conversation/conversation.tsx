import { FailureNote } from '../ui/failure-note.tsx';
import { ItemView } from './item-view.tsx';
import { useItems } from './use-items.ts';

export const Conversation = ({ sessionId }: { readonly sessionId: string }) => {
  const { items, failure, isCut } = useItems(sessionId);
  return (
    <>
      <FailureNote failure={failure} />
      {/* Announced as it grows, without repeating what was there. */}
      <div className="items" role="log" aria-label="Conversation">
        {items.map(({ id, body }) => (
          <ItemView key={id} body={body} />
        ))}
      </div>
      {isCut && <p className="soft">This conversation is longer; use the command line to see all of it.</p>}
    </>
  );
};
