import { parseJsonStrict } from '@berth/kube';
import { expect, test } from 'vitest';
import { fieldProblems } from './duplicate-problems.ts';

/** As kube-apiserver 1.36 tells them. */
test.each([
  {
    what: 'in the order of the document, a repeated field at its second time',
    text: '{"data":{"a":"1","a":"2"},"foo":1,"data":{"b":"1"}}',
    unknown: ['foo'],
    problems: ['duplicate field "data.a"', 'unknown field "foo"', 'duplicate field "data"'],
  },
  {
    what: 'once each, and nothing within a field that is not known',
    text: '{"foo":{"a":1,"a":2},"metadata":{"name":"x","name":"y","bar":[{"k":1,"k":2}]},"foo":2,"data":{"a":"1","a":"2","a":"3"}}',
    unknown: ['foo', 'metadata.bar'],
    problems: [
      'unknown field "foo"',
      'duplicate field "metadata.name"',
      'unknown field "metadata.bar"',
      'duplicate field "data.a"',
    ],
  },
  {
    what: 'no repetition of what is not known alone',
    text: '{"foo":1,"foo":2}',
    unknown: ['foo'],
    problems: ['unknown field "foo"'],
  },
])('what is wrong with fields is told $what', ({ text, unknown, problems }) => {
  const { duplicateFields } = parseJsonStrict(text);
  expect(fieldProblems({ duplicates: duplicateFields, text }, unknown)).toEqual(problems);
});
