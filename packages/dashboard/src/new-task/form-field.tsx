import type { ReactNode } from 'react';
import type { Field } from './problems.ts';

interface FormFieldProps {
  readonly field: Field;
  readonly label: string;
  readonly hint?: string;
  readonly problem: string | undefined;
  /** A control with the attributes of `controlOf(field)`. */
  readonly children: ReactNode;
}

/** A control between its label and its note: the server's error, else a hint. */
export const FormField = ({ field, label, hint, problem, children }: FormFieldProps) => {
  const { id, 'aria-describedby': noteId } = controlOf(field);
  return (
    <div className={`field${problem === undefined ? '' : ' has-problem'}`}>
      <label htmlFor={id}>{label}</label>
      {children}
      <span
        id={noteId}
        className={problem === undefined ? 'soft' : 'problem told'}
        role={problem === undefined ? undefined : 'alert'}
      >
        {problem ?? hint}
      </span>
    </div>
  );
};

/** What ties a control to its label and to its note. */
export const controlOf = (field: Field) => ({ id: `field-${field}`, 'aria-describedby': `note-${field}` });
