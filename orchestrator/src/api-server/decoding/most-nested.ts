/** What nests deeper is walked by calls of calls, which only the stack of aside/ holds. Few objects have a twentieth of it. */
export const mostNested = 300;
