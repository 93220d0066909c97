// The room is set up; its first files follow.
