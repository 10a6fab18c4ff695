/** What objects of all kinds have, and their lists, where the kind has no words of its own. */
export const kindDescriptions = {
  // It begins as upstream's do, which its conformance suite looks for in custom resources.
  apiVersion: 'APIVersion defines the group and version of the schema that this representation of an object has.',
  kind: 'The kind of the object, in CamelCase.',
  metadata: "Standard object's metadata: names, labels, and what the server notes.",
  spec: 'What is wanted.',
  status: 'What is so, as those who bring it about say.',
  items: 'The objects of the list.',
} as const;
