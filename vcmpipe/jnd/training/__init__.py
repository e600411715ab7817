"""Training of networks that know what human viewers notice: LASeR-JND, MTJND and ResJND."""
