"""Which of several runs and readings helps: chosen on one half of the images, told by the other."""
