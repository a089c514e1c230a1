/** Why a file was refused, and what to do about it: by the server's reason codes. */
import { messages } from "../messages";

export const isRefusal = (reason: string): boolean => reason in messages.value.reasons;
export const whatOf = (reason: string): string => messages.value.reasons[reason]?.what ?? "";
export const todoOf = (reason: string): string => messages.value.reasons[reason]?.todo ?? "";
