/** The portals of the rig. */
export const SOURCES = ['acme', 'beta'] as const
export const TARGET = 'main'
